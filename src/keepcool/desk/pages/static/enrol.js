// A credential on a security key, and the lines an administrator puts into the policies. It grants nothing.
import { page, toBase64Url, toHex, told, word } from "./desk.js";

const status = document.getElementById("status");
const ES256 = -7;

// SubjectPublicKeyInfo of P-256 ends with 04, x, y; the policy carries the compressed point (SEC 1).
function compressed(spki) {
  const point = new Uint8Array(spki).slice(-65);
  if (point[0] !== 4) throw new Error(word("no_keys"));
  return toHex([2 + (point[64] & 1), ...point.slice(1, 33)]);
}

document.getElementById("enrol").addEventListener("submit", async (event) => {
  event.preventDefault();
  const name = document.getElementById("name").value.trim();
  told(status, word("touch"));
  try {
    if (!globalThis.PublicKeyCredential || !navigator.credentials) throw new Error(word("no_keys"));
    const made = await navigator.credentials.create({
      publicKey: {
        challenge: crypto.getRandomValues(new Uint8Array(32)),
        rp: { id: page.rpId, name: page.rpId },
        user: { id: crypto.getRandomValues(new Uint8Array(32)), name, displayName: name },
        pubKeyCredParams: [{ type: "public-key", alg: ES256 }],
        authenticatorSelection: { userVerification: "required", residentKey: "discouraged" },
        attestation: "none",
        timeout: 120000,
      },
    });
    const key = compressed(made.response.getPublicKey());
    document.getElementById("lines").textContent =
      `[approvers.${name}]\nkey = "passkey:${key}"\ncredential = "${toBase64Url(made.rawId)}"\n` +
      'groups = ["accounting"]\nowner = ""\n';
    const section = document.getElementById("made");
    section.hidden = false;
    section.querySelector("h2").focus();
    told(status, "");
  } catch (error) {
    told(status, word("refused", { why: error.message }), "bad");
  }
});
