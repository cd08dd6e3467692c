// The page /sign: it shows what the module read from the intent's bytes, and nothing that App says of them.
import * as passkey from "./keepcool-passkey.js";

const at = (id) => document.getElementById(id);
const token = location.hash.slice(1);
const CREDENTIALS = "keepcool-credentials";

function show(id, text) {
  at(id).textContent = text;
}

async function asked(path, options = {}) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetch(path, { ...options, headers, cache: "no-store" });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail || body.title || `App answered ${answer.status}`);
  return body;
}

function known() {
  try {
    return JSON.parse(localStorage.getItem(CREDENTIALS)) || {};
  } catch {
    return {};
  }
}

async function guarded(working, work) {
  show("problem", "");
  show("working", working);
  try {
    await work();
  } catch (error) {
    show("problem", error.message || String(error));
  } finally {
    show("working", "");
  }
}

// "1500000 (1.5 USDX)": base units are what is signed, the rest is how App lists the asset.
function spoken(units, asset, assets) {
  const listed = assets.find((one) => one.asset === asset);
  if (!listed) return `${units} base units of ${asset}`;
  const digits = units.padStart(listed.decimals + 1, "0");
  const whole = digits.slice(0, digits.length - listed.decimals);
  const rest = digits.slice(digits.length - listed.decimals).replace(/0+$/, "");
  return `${units} base units of ${asset} (${rest ? `${whole}.${rest}` : whole} ${listed.symbol})`;
}

function listLines(id, lines) {
  at(id).replaceChildren(
    ...lines.map((line) => {
      const row = document.createElement("span");
      row.className = "amount";
      row.textContent = line;
      return row;
    }),
  );
}

function showState(told) {
  const review = told.review;
  show("state", told.reason ? `${told.state}: ${told.reason}` : told.state);
  const missing = review ? Object.entries(review.missing) : [];
  listLines("asked", missing.flatMap(([signer, texts]) => texts.map((text) => `${signer}: ${text}`)));
}

async function showIntent(told) {
  const review = told.review;
  showState(told);
  if (!review) throw new Error(`there is nothing to sign: the withdrawal is ${told.state}`);
  const bytes = passkey.fromBase64(review.intent_bytes);
  const intent = passkey.parseIntent(bytes);
  listLines(
    "pays",
    intent.outputs.map(({ recipient, units, asset }) => `${spoken(units, asset, told.assets)} to ${recipient}`),
  );
  show("from", intent.source);
  show("network", intent.network);
  show("fee", spoken(intent.fee_max.units, intent.fee_max.asset, told.assets));
  show("expires", new Date(intent.expires_at_s * 1000).toLocaleString());
  show("intent-hash", await passkey.hashOf(bytes));
  if (review.signed_before) show("problem", "You signed another intent of this withdrawal before: both may be paid.");
  if (review.evidence.some((one) => one.key === review.user_key)) {
    show("working", "You have signed this.");
    return;
  }
  at("sign").disabled = !review.user_key.startsWith("passkey:");
  at("sign").onclick = () => guarded("Your device asks you now.", () => sign(told, bytes));
}

async function sign(told, intentBytes) {
  const key = told.review.user_key;
  const proof = await passkey.sign({ intentBytes, rpId: told.rp_id, credential: known()[key] });
  at("sign").disabled = true;
  showState(await asked("/v1/signing", { method: "POST", body: JSON.stringify({ kind: "user", key, proof }) }));
  show("title", "Signed");
}

async function enrol() {
  const site = await asked("/sign/site.json");
  if (!site.rp_id) throw new Error("passkeys are not configured here: [users] in App's configuration");
  const made = await passkey.enrol({ rpId: site.rp_id, rpName: document.title, userName: at("enrol-name").value });
  localStorage.setItem(CREDENTIALS, JSON.stringify({ ...known(), [made.key]: made.credential }));
  show("user-key", made.key);
  show("credential", made.credential);
  at("enrolled").hidden = false;
}

if (token) {
  show("title", "Sign a withdrawal");
  at("signing").hidden = false;
  guarded("Reading what is to be signed.", async () => showIntent(await asked("/v1/signing")));
} else {
  at("enrolling").hidden = false;
  at("enrol-form").addEventListener("submit", (event) => {
    event.preventDefault();
    guarded("Your device asks you now.", enrol);
  });
}
