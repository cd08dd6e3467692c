// The keyboard. Nothing happens while somebody writes, and no key decides anything by itself.
const rows = () => Array.from(document.querySelectorAll("table.queue tbody tr"));
const writing = (place) => place.closest("input:not([type=checkbox]), select, textarea, [contenteditable]") !== null;
let at = -1;

function go(step) {
  const all = rows();
  if (!all.length) return;
  all[at]?.classList.remove("at");
  at = Math.min(Math.max(at + step, 0), all.length - 1);
  all[at].classList.add("at");
  all[at].querySelector("a.what").focus();
}

const keys = {
  j: () => go(1),
  k: () => go(-1),
  x: () => rows()[at]?.querySelector("input[name=chosen]")?.click(),
  d: () => document.getElementById("decision")?.focus(),
  "?": () => location.assign("/help"),
  "/": () => {
    document.querySelector("details.filters")?.setAttribute("open", "");
    document.querySelector("input[type=search]")?.focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
