// Signing in: a challenge of this site, answered by a key.
import { Lie, digest, fromBase64, post, readStatement, told, touched, word } from "./desk.js";

const status = document.getElementById("status");
const button = document.getElementById("sign-in");

button.addEventListener("click", async () => {
  button.disabled = true;
  told(status, word("working"));
  try {
    const begun = await post("/api/sign-in/begin", {});
    const statement = fromBase64(begun.statement);
    if (readStatement(statement).origin !== location.origin) throw new Lie();
    told(status, word("touch"));
    const { credential, proof } = await touched(await digest("keepcool-sign-in-v1", statement), begun.credentials);
    await post("/api/sign-in/finish", { attempt: begun.attempt, credential, proof });
    location.assign(button.dataset.next);
  } catch (error) {
    told(status, error.message, "bad");
    button.disabled = false;
  }
});
