// The list: live news, and a decision about several payments by one touch.
import { word } from "./desk.js";
import { decides } from "./deciding.js";
import { listen } from "./live.js";

const live = document.getElementById("live");
const chosen = () => Array.from(document.querySelectorAll("input[name=chosen]:checked"), (one) => one.value);

function gone(hash) {
  for (const row of document.querySelectorAll("tr[data-hash]")) {
    if (row.dataset.hash !== hash) continue;
    row.classList.add("gone");
    const box = row.querySelector("input[name=chosen]");
    if (box) {
      box.checked = false;
      box.disabled = true;
    }
  }
}

const form = document.getElementById("decide");
if (form) {
  const count = document.getElementById("chosen");
  document.addEventListener("change", (event) => {
    if (event.target.name === "chosen") count.textContent = word("chosen", { count: chosen().length });
  });
  decides(form, chosen, null, (results) => {
    const refused = new Set(results.filter((one) => one.error !== "").map((one) => one.intent));
    for (const one of results) if (!refused.has(one.intent)) gone(one.intent);
  }, (hash) => document.querySelector(`tr[data-hash="${CSS.escape(hash)}"] .what`)?.textContent.trim() ?? "");
}

// What has begun to wait since the page was made, above the list: nothing moves under anybody's hand.
const arrivals = live.querySelector(".arrivals");

function arrived(one) {
  const line = document.createElement("li");
  const link = document.createElement("a");
  line.dataset.hash = one.intent_hash;
  link.href = `/items/${one.intent_hash}`;
  link.textContent = one.shown.join(", ") || one.intent_hash.slice(0, 16);
  line.append(link, ` · ${one.owner} · ${one.tier}`);
  return line;
}

async function arrive() {
  const answer = await fetch("/api/queue", { credentials: "same-origin" });
  if (!answer.ok) return;
  const { items } = await answer.json();
  const fresh = items.filter((one) => one.journal_row > Number(live.dataset.newest));
  arrivals.replaceChildren(...fresh.map(arrived));
}

live.querySelector("a").href = location.href;
listen((news) => {
  if (String(news.version) === live.dataset.version) return;
  news.gone.forEach(gone);
  live.querySelector(".changed").hidden = false;
  arrive();
});
