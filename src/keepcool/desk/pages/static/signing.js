// Showing what will be signed, and signing it: the box that decisions and orders share.
import { fact, page, told, touched, word } from "./desk.js";

const box = document.getElementById("statement");
const status = document.getElementById("statement-status");
const results = document.getElementById("statement-results");
let pending = null;

export function report(text, kind) {
  told(status, text, kind);
}

export function clear() {
  pending = null;
  if (box) box.hidden = true;
  results.replaceChildren();
  told(status, "");
}

// `facts`: lists of [name, value]; `text`: the bytes; `challenge`: a promise of them; `send` gets the proof.
export function show({ facts, text, challenge, send, back }) {
  const list = box.querySelector(".facts");
  list.replaceChildren();
  for (const [name, value] of facts) fact(list, name, value);
  box.querySelector(".bytes").textContent = text;
  pending = { challenge, send, back };
  results.replaceChildren();
  told(status, "");
  box.hidden = false;
  box.querySelector("h3").focus();
}

export function outcome(text, good) {
  const line = document.createElement("li");
  line.textContent = text;
  line.className = good ? "good" : "bad";
  results.append(line);
}

box?.querySelector("[data-do=cancel]").addEventListener("click", () => {
  const back = pending?.back;
  clear();
  back?.focus();
});

box?.querySelector("[data-do=sign]").addEventListener("click", async (event) => {
  const { challenge, send } = pending;
  event.target.disabled = true;
  told(status, word("touch"));
  try {
    const { proof } = await touched(await challenge, page.credential ? [page.credential] : []);
    told(status, word("working"));
    await send(proof);
    box.hidden = true;
  } catch (error) {
    told(status, error.message, "bad");
  } finally {
    event.target.disabled = false;
  }
});
