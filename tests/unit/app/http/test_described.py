"""The API's document tells problems as they come, and a wrong method or letter is answered in its terms."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from scripts.reference.api import document

from keepcool.app.http.problems import MEDIA_TYPE
from keepcool.app.keys import Scope
from tests.unit.app.http.running import running

KEY = "ed25519:" + "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # RFC 8032, test 1


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running(tmp_path_factory.mktemp("app")) as app:
        yield app.client(*Scope)


@pytest.mark.slow
def test_every_call_names_its_problems() -> None:
    """As problem documents of one shape; the framework's own errors are never sent."""
    told = document()
    problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
    for methods in told["paths"].values():
        for call in methods.values():
            assert call["responses"]["default"]["content"] == {MEDIA_TYPE: problem}
            assert ("401" in call["responses"]) is bool(call.get("security"))
    assert "HTTPValidationError" not in told["components"]["schemas"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/v1/users", "GET, POST"), ("/v1/withdrawals/quote", "POST"), ("/v1/webhooks/wh_1", "DELETE, GET")],
)
def test_a_wrong_method_is_told_all_the_right_ones(client: httpx.Client, path: str, allowed: str) -> None:
    """Also where the path could be another call's object."""
    answer = client.options(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("/v1/wallets/wal_1/rekey", {"user_key": KEY, "proof": "é"}, "rekey.proof"),
        ("/v1/withdrawals/wd_1/evidence", {"kind": "user", "key": "", "proof": "é"}, "evidence.proof"),
    ],
)
def test_letters_beyond_ascii_are_no_base64(
    client: httpx.Client, path: str, body: dict[str, str], code: str
) -> None:
    """They are refused as what they are, and are no fault of the service."""
    answer = client.post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
