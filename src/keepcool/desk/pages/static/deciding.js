// A decision about one payment or several: drafted by the desk, checked here field by field, signed by the key.
import {
  Lie, digest, fromBase64, merkleRoot, page, post, readStatement, time, toBase64, word,
} from "./desk.js";
import { clear, outcome, report, show } from "./signing.js";

const SLACK_S = 120;
const FIELDS = "approver decision effects expires_at_s fee_units_max intent policies reason version";

function checked(statement, place, wish, known) {
  const said = readStatement(statement);
  const same =
    Object.keys(said).sort().join(" ") === FIELDS &&
    said.version === 1 &&
    said.intent === wish.intents[place] &&
    said.decision === wish.decision &&
    said.reason === wish.reason &&
    said.approver === page.name &&
    said.expires_at_s <= Date.now() / 1000 + wish.lives_s + SLACK_S;
  if (!same) throw new Lie();
  if (known) {
    const agrees =
      said.effects === known[wish.decision].effects &&
      said.fee_units_max === known[wish.decision].fee &&
      said.policies.join(" ") === known.policies;
    if (!agrees) throw new Lie();
  }
  return said;
}

function facts(said) {
  return [
    [word("decision"), said.decision === "approve" ? word("approve") : word("reject")],
    [word("intent"), said.intent],
    [word("effects"), said.effects],
    [word("fee"), said.fee_units_max],
    [word("reason"), said.reason],
    [word("approver"), said.approver],
    [word("expires"), time(said.expires_at_s)],
    [word("policies"), said.policies.join(" ")],
  ];
}

async function send(statements, proof, after) {
  const answer = await post("/api/decisions", { statements: statements.map((one) => toBase64(one)), proof });
  let all = true;
  for (const one of answer.results) {
    const what = answer.results.length > 2 ? `${one.intent.slice(0, 16)} ` : "";
    const good = one.error === "";
    all &&= good;
    outcome(
      what + (good ? word("taken", { service: one.service, row: one.sequence })
        : word("not_taken", { service: one.service, why: one.error })), good);
  }
  report(all ? word("done") : "", all ? "good" : "");
  after?.(answer.results);
}

// `intents`: a function of their hashes, in order; `known`: what the page shows of the one it is about;
// `named`: how the page's list calls one.
export function decides(form, intents, known, after, named = null) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clear();
    const button = event.submitter;
    const wish = {
      decision: button.value,
      intents: intents(),
      reason: form.elements.reason.value.trim(),
      lives_s: Number(form.elements.lives.value),
    };
    if (!wish.intents.length) return report(word("choose_some"), "bad");
    if (!wish.reason) return report(word("reason_missing"), "bad");
    report(word("working"));
    try {
      const drafted = await post("/api/statements", wish);
      const statements = drafted.statements.map(fromBase64);
      if (statements.length !== wish.intents.length) throw new Lie();
      const said = statements.map((one, place) => checked(one, place, wish, known));
      show({
        facts: said.flatMap((one) => [...(named ? [[word("payment"), named(one.intent)]] : []), ...facts(one)]),
        text: statements.map((one) => new TextDecoder().decode(one)).join("\n"),
        challenge: merkleRoot(statements).then((root) => digest("keepcool-approval-v1", root)),
        send: (proof) => send(statements, proof, after),
        back: button,
      });
    } catch (error) {
      report(error.message, "bad");
    }
    return undefined;
  });
}
