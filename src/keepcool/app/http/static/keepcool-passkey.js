// Passkeys of owners: enrolled once, and touched for each withdrawal. An ES module without dependencies; it talks
// to no server and keeps nothing. It may be copied to a site of your own: the copy that counts is the one that
// is not served by App, because an App that was taken over serves what it likes.
//
//   enrol({rpId, rpName, userName})     -> {key, credential}   `key` is a wallet's user_key: "passkey:02..."
//   parseIntent(bytes)                  -> the intent, or an Error when the bytes are not one in its one form
//   differences(intent, order)          -> [] or what an intent says otherwise than its owner asked for
//   challengeOf(bytes), hashOf(bytes)   -> the 32 bytes that are signed; the intent's hash in hex
//   sign({intentBytes, rpId, credential?}) -> base64 of the proof, as POST .../evidence takes it
//
// Web Authentication Level 3; the signers check every field again.

const USER_CONTEXT = "keepcool-user-v1";
const INTENT_CONTEXT = "keepcool-intent-v1";
const ES256 = -7;
const VERIFIED = 0x04;
const TIMEOUT_MS = 120000;
// SubjectPublicKeyInfo of an uncompressed P-256 point, up to the point (RFC 5480)
const SPKI_P256 = "3059301306072a8648ce3d020106082a8648ce3d030107034200";
const FIELDS = ["expires_at_s", "fee_max", "intent", "network", "outputs", "purpose", "source", "version"];
const UNITS = /^[1-9][0-9]{0,77}$/;

export function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromBase64(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

export function toBase64(bytes) {
  return btoa(Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join(""));
}

export function toBase64Url(bytes) {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64Url(text) {
  return fromBase64(text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "="));
}

// The text of a key from the SubjectPublicKeyInfo a browser gives: only P-256.
export function keyText(spki) {
  const bytes = new Uint8Array(spki);
  if (bytes.length !== 91 || hex(bytes.subarray(0, 26)) !== SPKI_P256 || bytes[26] !== 4) {
    throw new Error("this authenticator made a key that is not of P-256: use another one");
  }
  const parity = bytes[90] & 1 ? "03" : "02";
  return `passkey:${parity}${hex(bytes.subarray(27, 59))}`;
}

export async function enrol({ rpId, rpName = rpId, userName }) {
  const made = await navigator.credentials.create({
    publicKey: {
      rp: { id: rpId, name: rpName },
      user: { id: crypto.getRandomValues(new Uint8Array(32)), name: userName, displayName: userName },
      challenge: crypto.getRandomValues(new Uint8Array(32)),
      pubKeyCredParams: [{ type: "public-key", alg: ES256 }],
      authenticatorSelection: { residentKey: "required", userVerification: "required" },
      attestation: "none",
      timeout: TIMEOUT_MS,
    },
  });
  const answer = made.response;
  if (answer.getPublicKeyAlgorithm() !== ES256) {
    throw new Error("this authenticator does not sign with ES256: use another one");
  }
  if (!(new Uint8Array(answer.getAuthenticatorData())[32] & VERIFIED)) {
    throw new Error("this authenticator did not verify that you are there: set a PIN or a fingerprint first");
  }
  return { key: keyText(answer.getPublicKey()), credential: toBase64Url(made.rawId) };
}

// Canonical JSON: sorted keys, no spaces, ASCII, whole numbers.
function canonical(value) {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

function needs(holds, what) {
  if (!holds) {
    throw new Error(`this is no intent in its one form: ${what}. Do not sign it.`);
  }
}

function amount(row, what) {
  needs(typeof row === "object" && row !== null, what);
  needs(typeof row.asset === "string" && row.asset.includes("/"), `${what}: asset`);
  needs(typeof row.units === "string" && UNITS.test(row.units), `${what}: units`);
}

export function parseIntent(bytes) {
  needs(bytes.every((byte) => byte >= 0x20 && byte < 0x7f), "it is not ASCII");
  const text = new TextDecoder("ascii").decode(bytes);
  const intent = JSON.parse(text);
  needs(canonical(intent) === text, "it is not canonical");
  needs(Object.keys(intent).join() === FIELDS.join(), "its fields are others");
  needs(intent.version === 1, "it is of another version");
  needs(intent.purpose === "pay", "it pays nobody");
  needs([intent.intent, intent.network, intent.source].every((one) => typeof one === "string" && one), "names");
  needs(Number.isSafeInteger(intent.expires_at_s) && intent.expires_at_s > 0, "expiry");
  needs(Array.isArray(intent.outputs) && intent.outputs.length > 0, "outputs");
  for (const output of intent.outputs) {
    needs(Object.keys(output).join() === "asset,recipient,units", "an output");
    needs(typeof output.recipient === "string" && output.recipient, "a recipient");
    amount(output, "an output");
    needs(output.asset.startsWith(`${intent.network}/`), "an asset of another network");
  }
  needs(Object.keys(intent.fee_max).join() === "asset,units", "fee");
  amount(intent.fee_max, "fee");
  needs(intent.fee_max.asset.startsWith(`${intent.network}/`), "a fee of another network");
  return intent;
}

// `order`: {wallet, network, asset, feeMax, notAfter?, payments: [{to, units}]}, units as decimal strings, as
// the owner gave them to his own site. Addresses are compared as they are spelled in intents.
export function differences(intent, order) {
  const wrong = [];
  const say = (what, found, wanted) => wrong.push(`${what} ${found} instead of ${wanted}`);
  const told = (list) => list.map(({ to, units, asset }) => `${units} of ${asset} to ${to}`).join(", ");
  const found = intent.outputs.map(({ recipient, units, asset }) => ({ to: recipient, units, asset }));
  const wanted = order.payments.map(({ to, units }) => ({ to, units, asset: order.asset }));
  if (told(found) !== told(wanted)) say("it pays", told(found), told(wanted));
  if (intent.source !== order.wallet) say("out of wallet", intent.source, order.wallet);
  if (intent.network !== order.network) say("network", intent.network, order.network);
  if (BigInt(intent.fee_max.units) > BigInt(order.feeMax)) say("fee up to", intent.fee_max.units, order.feeMax);
  if (order.notAfter && intent.expires_at_s > order.notAfter) say("valid until", intent.expires_at_s, order.notAfter);
  return wrong;
}

async function digest(context, bytes) {
  const prefix = new TextEncoder().encode(`${context}\0`);
  const whole = new Uint8Array(prefix.length + bytes.length);
  whole.set(prefix);
  whole.set(bytes, prefix.length);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

export async function challengeOf(intentBytes) {
  return digest(USER_CONTEXT, intentBytes);
}

// What the signers, the desk and `keepcool user sign` call this intent (hex).
export async function hashOf(intentBytes) {
  return hex(await digest(INTENT_CONTEXT, intentBytes));
}

export async function sign({ intentBytes, rpId, credential }) {
  parseIntent(intentBytes);
  const allowed = credential ? [{ type: "public-key", id: fromBase64Url(credential) }] : [];
  const made = await navigator.credentials.get({
    publicKey: {
      challenge: await challengeOf(intentBytes),
      rpId,
      allowCredentials: allowed,
      userVerification: "required",
      timeout: TIMEOUT_MS,
    },
  });
  const proof = {
    type: "passkey",
    authenticator_data: toBase64(made.response.authenticatorData),
    client_data: toBase64(made.response.clientDataJSON),
    signature: toBase64(made.response.signature),
  };
  return toBase64(new TextEncoder().encode(JSON.stringify(proof)));
}
