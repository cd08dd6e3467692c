"""The desk's API as a command uses it: signed in for one command, everything it says read strictly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import httpx
import msgspec

from keepcool.core.errors import Conflict, Malformed, Refused, Unavailable, rebuild
from keepcool.wire.proofs import Proof
from keepcool.wire.reviews import ReviewAnswer

if TYPE_CHECKING:
    from keepcool.cli.desk_keys import Key

_TIMEOUT_S = 30.0
T = TypeVar("T")


class _Begun(msgspec.Struct, frozen=True):
    attempt: str
    statement: bytes
    credentials: list[str]
    rp_id: str


class _Entered(msgspec.Struct, frozen=True):
    approver: str
    token: str
    credential: str


class Waiting(msgspec.Struct, frozen=True):
    """As the desk lists it: for choosing, never for deciding."""

    intent_hash: str
    intent: str
    network: str
    owner: str
    tier: str
    since: str
    totals: dict[str, str]
    recipients: list[str]
    needs: list[str]


class Page(msgspec.Struct, frozen=True):
    items: list[Waiting]
    matching: int
    page: int
    pages: int


class Shown(msgspec.Struct, frozen=True):
    """Both signers' answers, as the desk passes them on."""

    cooler: ReviewAnswer
    keeper: ReviewAnswer | None
    keeper_error: str
    policies: list[str]
    differences: list[str]
    objection: str


class Result(msgspec.Struct, frozen=True):
    intent: str
    service: str
    sequence: int
    code: str
    error: str


class _Results(msgspec.Struct, frozen=True):
    results: list[Result]


class _Problem(msgspec.Struct, frozen=True):
    kind: str
    code: str
    detail: str


class DeskSite:
    """Close it. `transport` is for tests."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        if not url.startswith(("https://", "http://localhost", "http://127.0.0.1")):
            raise Refused("desk.url", "a desk elsewhere is reached by https://")
        self.origin = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.origin, timeout=_TIMEOUT_S, headers={"Origin": self.origin}, transport=transport
        )
        self._cookie = ""
        self.approver = ""
        self.credentials: list[str] = []

    def close(self) -> None:
        self._http.close()

    def sign_in(self, key: Key) -> None:
        """Raises Refused when the desk asks for a signature of something else than signing in here."""
        from keepcool.core import canonical
        from keepcool.desk.signing_in import challenge_of

        begun = self._post("/api/sign-in/begin", {}, _Begun)
        if canonical.decode(begun.statement, "challenge").get("origin") != self.origin:
            raise Refused("desk.origin", f"the desk says it is not {self.origin}: nothing was signed")
        credential, proof = key.sign(challenge_of(begun.statement), begun.credentials)
        entered = self._post(
            "/api/sign-in/finish",
            {"attempt": begun.attempt, "proof": proof, "credential": credential, "key": key.text},
            _Entered,
        )
        self._http.headers["X-Desk-Token"] = entered.token
        self.approver, self.credentials = entered.approver, [entered.credential] if entered.credential else []

    def sign_out(self) -> None:
        self._http.post("/sign-out", headers=self._own())

    def waiting(self, text: str, page: int, *, oldest: bool) -> Page:
        order = "oldest" if oldest else "newest"
        return self._get("/api/queue", Page, {"text": text, "page": str(page), "order": order})

    def item(self, intent_hash: str) -> Shown:
        return self._get(f"/api/items/{intent_hash}", Shown, {})

    def whole_hash(self, beginning: str) -> str:
        """Of the one waiting item whose hash begins so; a whole hash as it is."""
        if len(beginning) == 64:
            return beginning
        found = {one.intent_hash for one in self.waiting(beginning, 1, oldest=False).items}
        found = {one for one in found if one.startswith(beginning.lower())}
        if len(found) != 1:
            raise Conflict("desk.hash", f"{len(found)} waiting items begin with {beginning[:64]!r}")
        return found.pop()

    def decide(self, statements: Sequence[bytes], proof: Proof) -> list[Result]:
        body = {"statements": list(statements), "proof": proof}
        return self._post("/api/decisions", body, _Results).results

    def _get(self, path: str, kind: type[T], query: dict[str, str]) -> T:
        return self._read(lambda: self._http.get(path, params=query, headers=self._own()), kind)

    def _post(self, path: str, body: object, kind: type[T]) -> T:
        sent = msgspec.json.encode(body)
        headers = {"Content-Type": "application/json", **self._own()}
        return self._read(lambda: self._http.post(path, content=sent, headers=headers), kind)

    def _own(self) -> dict[str, str]:
        """The cookie goes by hand: a jar would keep a Secure one from http://localhost."""
        return {"Cookie": self._cookie} if self._cookie else {}

    def _read(self, ask: Callable[[], httpx.Response], kind: type[T]) -> T:
        try:
            answer = ask()
        except httpx.TransportError as error:
            raise Unavailable("desk.unreached", f"{self.origin} does not answer: {error}") from error
        for name, value in answer.cookies.items():
            self._cookie = f"{name}={value}"
        try:
            if answer.is_success:
                return msgspec.json.decode(answer.content, type=kind)
            problem = msgspec.json.decode(answer.content, type=_Problem)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            text = f"{self.origin} answered {answer.status_code}, not as a desk of this release does"
            raise Malformed("desk.answer", text) from error
        raise rebuild(problem.kind, problem.code, problem.detail)
