// Orders of administrators: made by the desk, checked here detail by detail, signed by the key.
import {
  Lie, canonical, digest, fromBase64, page, post, readStatement, sha256, time, toBase64, toHex, word,
} from "./desk.js";
import { clear, outcome, report, show } from "./signing.js";

const FIELDS = "action details expires_at_s installation order version";

function facts(order) {
  return [
    [word("action"), order.action],
    ...Object.entries(order.details),
    [word("order"), order.order],
    [word("installation"), order.installation],
    [word("expires"), time(order.expires_at_s)],
  ];
}

function ask(bytes, back, wanted, file) {
  const order = readStatement(bytes);
  if (Object.keys(order).sort().join(" ") !== FIELDS || order.version !== 1) throw new Lie();
  if (wanted) {
    const details = Object.fromEntries(Object.entries(order.details).map(([name, value]) => [name, value]));
    if (order.action !== wanted.action || canonical(details) !== canonical(wanted.details)) throw new Lie();
  }
  show({
    facts: facts(order),
    text: new TextDecoder().decode(bytes),
    challenge: digest("keepcool-order-v1", bytes),
    send: async (proof) => {
      const answer = await post("/api/orders", { order: toBase64(bytes), proof, document: file });
      for (const one of answer.results) {
        outcome(one.error === "" ? word("carried", { service: one.service, state: one.state })
          : word("not_taken", { service: one.service, why: one.error }), one.error === "");
      }
      report("");
    },
    back,
  });
}

async function draft(wanted, file, back) {
  clear();
  report(word("working"));
  try {
    const drafted = await post("/api/orders/draft", { ...wanted, document: file });
    ask(fromBase64(drafted.order), back, wanted, file);
  } catch (error) {
    report(error.message, "bad");
  }
}

for (const form of document.querySelectorAll("form.order")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fields = form.elements;
    const details = {
      level: fields.level.value, reason: fields.reason.value.trim(), target: fields.target.value.trim(),
    };
    let file = "";
    if (form.dataset.action === "thaw") {
      const bytes = new Uint8Array(await fields.report.files[0].arrayBuffer());
      details.report = toHex(await sha256(bytes));
      file = toBase64(bytes);
    }
    await draft({ action: form.dataset.action, details }, file, event.submitter);
  });
}

for (const button of document.querySelectorAll("[data-sign]")) {
  button.addEventListener("click", () => {
    clear();
    try {
      ask(fromBase64(button.dataset.sign), button, null, "");
    } catch (error) {
      report(error.message, "bad");
    }
  });
}

for (const button of document.querySelectorAll("[data-cancel-action]")) {
  button.addEventListener("click", () =>
    draft({ action: button.dataset.cancelAction, details: JSON.parse(button.dataset.cancelDetails) }, "", button));
}

if (!page.credential) report(word("no_keys"), "bad");
