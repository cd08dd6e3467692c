// What every page shares: words, bytes, hashes, the desk's API, and a security key's signature.
// Laws: a challenge is computed here, from bytes that were shown here; nothing is ever put into a page as markup.

export const page = document.body.dataset;
const words = JSON.parse(page.words);

export function word(name, places = {}) {
  return words[name].replace(/\{(\w+)\}/g, (_, place) => String(places[place] ?? ""));
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

export function toBase64(data) {
  const bytes = new Uint8Array(data);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

export function fromBase64Url(text) {
  return fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
}

export function toBase64Url(data) {
  return toBase64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function toHex(data) {
  return Array.from(new Uint8Array(data), (one) => one.toString(16).padStart(2, "0")).join("");
}

export function joined(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    whole.set(one, at);
    at += one.length;
  }
  return whole;
}

export async function sha256(data) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data));
}

// SHA-256 over a context, a zero byte and the data: how every statement of people is signed.
export function digest(context, data) {
  return sha256(joined(new TextEncoder().encode(context), Uint8Array.of(0), data));
}

// The root of a list, RFC 9162, 2.1.1.
export async function merkleRoot(entries) {
  if (entries.length === 1) return sha256(joined(Uint8Array.of(0), entries[0]));
  let cut = 1;
  while (cut * 2 < entries.length) cut *= 2;
  const left = await merkleRoot(entries.slice(0, cut));
  const right = await merkleRoot(entries.slice(cut));
  return sha256(joined(Uint8Array.of(1), left, right));
}

// The one spelling of a value: sorted keys, no spaces, ASCII. What reads differently is not signed.
export function canonical(value) {
  const text = JSON.stringify(value, (_, inner) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.keys(inner).sort().map((key) => [key, inner[key]]))
      : inner);
  return text.replace(/[\u0080-\uffff]/g, (one) => "\\u" + one.charCodeAt(0).toString(16).padStart(4, "0"));
}

// A statement's bytes as the value they spell; throws when they spell it in another way.
export function readStatement(bytes) {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const value = JSON.parse(text);
  if (canonical(value) !== text) throw new Lie();
  return value;
}

// The desk sent something else than was asked for.
export class Lie extends Error {
  constructor() {
    super(word("lied"));
  }
}

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Desk-Token": page.token ?? "" },
    body: JSON.stringify(body),
    credentials: "same-origin",
  });
  const said = await answer.json();
  if (answer.status === 401) location.assign("/sign-in");
  if (!answer.ok) throw new Error(said.detail ?? String(answer.status));
  return said;
}

// An assertion over this challenge, as `wire.proofs` carries it.
export async function touched(challenge, credentials) {
  if (!globalThis.PublicKeyCredential || !navigator.credentials) throw new Error(word("no_keys"));
  let made;
  try {
    made = await navigator.credentials.get({
      publicKey: {
        challenge,
        rpId: page.rpId,
        allowCredentials: credentials.map((id) => ({ type: "public-key", id: fromBase64Url(id) })),
        userVerification: "required",
        timeout: 120000,
      },
    });
  } catch (error) {
    throw new Error(word("refused", { why: error.message }));
  }
  return {
    credential: toBase64Url(made.rawId),
    proof: {
      type: "passkey",
      authenticator_data: toBase64(made.response.authenticatorData),
      client_data: toBase64(made.response.clientDataJSON),
      signature: toBase64(made.response.signature),
    },
  };
}

export function told(place, text, kind = "") {
  place.textContent = text;
  place.className = ("status " + kind).trim();
}

const HASHES = /^[0-9a-f]{64}( [0-9a-f]{64})*$/;

// A hash in fours, as the pages write it.
function grouped(hash) {
  const code = document.createElement("code");
  code.className = "hash line";
  for (const part of hash.match(/.{4}/g)) {
    const span = document.createElement("span");
    span.textContent = part;
    code.append(span);
  }
  return code;
}

export function fact(list, name, value) {
  const term = document.createElement("dt");
  const said = document.createElement("dd");
  term.textContent = name;
  if (HASHES.test(value)) said.append(...value.split(" ").map(grouped));
  else said.textContent = value;
  said.className = "break";
  list.append(term, said);
}

export function time(seconds) {
  return new Date(seconds * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC");
}
