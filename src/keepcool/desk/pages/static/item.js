// The page of one payment.
import { Lie, digest, fromBase64, toHex } from "./desk.js";
import { decides } from "./deciding.js";
import { listen } from "./live.js";
import { report } from "./signing.js";

// What it pays, as it stands on the page: told beside the statement, which names it by hashes alone.
const pays = () => Array.from(
  document.querySelectorAll("[data-pays]"),
  (one) => [one.querySelector(".sum"), one.querySelector(".groups")].map((part) => part.textContent).join(" → "),
).join("; ");

const live = document.getElementById("live");
const form = document.getElementById("decide");

if (form) {
  const about = form.dataset;
  const hash = await digest("keepcool-intent-v1", fromBase64(about.intent));
  if (toHex(hash) === about.hash) {
    const known = {
      approve: { effects: about.approveEffects, fee: about.approveFee },
      reject: { effects: about.rejectEffects, fee: about.rejectFee },
      policies: about.policies,
    };
    decides(form, () => [about.hash], known, () => {
      for (const button of form.querySelectorAll("button")) button.disabled = true;
    }, pays);
  } else {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    report(new Lie().message, "bad");
  }
}

if (live) {
  live.querySelector("a").href = location.href;
  listen((news) => {
    if (news.gone.includes(live.dataset.hash)) live.querySelector(".changed").hidden = false;
  });
}
