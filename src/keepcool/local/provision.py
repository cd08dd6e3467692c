"""Makes a fresh keystore ready for its one service, then throws the root token away.

Afterwards there is: one derived, non-exportable key; a policy that may use it and nothing more; an AppRole
bound to given addresses with a short-lived token; a request header that stands unhashed in the audit log.
What needs more than that needs a new root token, which needs the unseal shares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from keepcool.adapters.openbao import answers
from keepcool.adapters.openbao.connections import Connections, Reply
from keepcool.adapters.openbao.keystore import REFERENCE_HEADER
from keepcool.core.errors import Refused
from keepcool.core.parties import Service
from keepcool.local.keystore import transit_key

LOOPBACK = ("127.0.0.0/8", "::1/128")


@dataclass(frozen=True, slots=True)
class Opened:
    """What initialisation gives once and never again."""

    shares: tuple[str, ...] = field(repr=False)
    root_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """How a service enters its keystore. `secret_id` is "wrapped <token>" when it was asked so. The
    operator's role rotates the key and issues secret ids, and opens nothing."""

    role_id: str
    secret_id: str = field(repr=False)
    operator_role_id: str = ""
    operator_secret_id: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may enter, from where, for how long. `wrap_s` hands the secret id over response-wrapped."""

    cidrs: tuple[str, ...] = LOOPBACK
    token_s: int = 900
    token_s_max: int = 86_400
    wrap_s: int | None = None


class _Initialised(msgspec.Struct, frozen=True):
    keys_base64: list[str]
    root_token: str


class _RoleId(msgspec.Struct, frozen=True):
    role_id: str


class _RoleIdReply(msgspec.Struct, frozen=True):
    data: _RoleId


class _WrapToken(msgspec.Struct, frozen=True):
    token: str


class _WrapReply(msgspec.Struct, frozen=True):
    wrap_info: _WrapToken


def initialise(connections: Connections, shares: int = 3, threshold: int = 2) -> Opened:
    """Raises Refused when it has been initialised before: its shares are elsewhere."""
    if not 1 <= threshold <= shares <= 16:
        raise Refused("keystore.shares", "between 1 and 16 unseal shares, and a threshold not above them")
    body = {"secret_shares": shares, "secret_threshold": threshold}
    reply = connections.call("POST", "sys/init", msgspec.json.encode(body), {})
    if reply.status != 200:
        raise Refused("keystore.initialised", f"the keystore cannot be initialised: {answers.said(reply)}")
    made = answers.decoded(reply, _Initialised)
    return Opened(tuple(made.keys_base64), made.root_token)


def policy(service: Service, peers: Sequence[Service]) -> str:
    """The ACL of a service: use its own key, look after its own token, and never touch a peer's key."""
    key = transit_key(service)
    allowed = (
        f"transit/encrypt/{key}",
        f"transit/decrypt/{key}",
        "auth/token/renew-self",
        "sys/capabilities-self",
    )
    rules = [f'path "{path}" {{ capabilities = ["update"] }}' for path in allowed]
    for foreign in map(transit_key, peers):
        paths = (f"transit/+/{foreign}", f"transit/+/{foreign}/*", f"transit/+/+/{foreign}")
        rules += [f'path "{path}" {{ capabilities = ["deny"] }}' for path in paths]
    return "\n".join(rules) + "\n"


def operator_policy(service: Service) -> str:
    """The ACL of a service's operator: rotate its key, retire versions, issue wrapped secret ids. No key is
    used with it, and none is changed in any other way."""
    key, role = transit_key(service), f"auth/approle/role/{service.value}"
    return f"""\
path "transit/keys/{key}" {{ capabilities = ["read"] }}
path "transit/keys/{key}/rotate" {{ capabilities = ["update"] }}
path "transit/keys/{key}/config" {{
  capabilities = ["update"]
  allowed_parameters = {{ "min_decryption_version" = [] }}
}}
path "{role}/secret-id" {{
  capabilities = ["update"]
  min_wrapping_ttl = "1s"
  max_wrapping_ttl = "3600s"
}}
path "{role}/secret-id-accessor/destroy" {{ capabilities = ["update"] }}
path "auth/token/renew-self" {{ capabilities = ["update"] }}
"""


class Provisioning:
    """An unsealed keystore, spoken to with its root token. `finish` revokes that token."""

    def __init__(self, connections: Connections, root_token: str) -> None:
        self._connections = connections
        self._headers = {"X-Vault-Token": root_token}

    def provision(self, service: Service, peers: Sequence[Service], terms: Terms) -> Entry:
        """Everything the service needs. Raises Refused with the keystore's words when a step fails."""
        name, key = service.value, transit_key(service)
        self._do("sys/mounts/transit", {"type": "transit"})
        self._do(
            f"transit/keys/{key}",
            {"type": "aes256-gcm96", "derived": True, "exportable": False, "allow_plaintext_backup": False},
        )
        self._do(f"sys/config/auditing/request-headers/{REFERENCE_HEADER}", {"hmac": False})
        self._do(f"sys/policies/acl/{name}", {"policy": policy(service, peers)})
        self._do("sys/auth/approle", {"type": "approle"})
        self._do(f"auth/approle/role/{name}", _role(name, terms))
        operator = f"{name}-operator"
        self._do(f"sys/policies/acl/{operator}", {"policy": operator_policy(service)})
        self._do(f"auth/approle/role/{operator}", _role(operator, Terms(cidrs=terms.cidrs)))
        reply = self._do(f"auth/approle/role/{operator}/secret-id", {})
        return Entry(
            self._role_id(name),
            self.secret_id(service, terms),
            self._role_id(operator),
            answers.decoded(reply, answers.UnwrapReply).data.secret_id,
        )

    def secret_id(self, service: Service, terms: Terms) -> str:
        """A fresh secret id of a provisioned service."""
        path = f"auth/approle/role/{service.value}/secret-id"
        if terms.wrap_s is None:
            reply = self._do(path, {})
            return answers.decoded(reply, answers.UnwrapReply).data.secret_id
        reply = self._do(path, {}, {"X-Vault-Wrap-TTL": f"{terms.wrap_s}s"})
        return f"wrapped {answers.decoded(reply, _WrapReply).wrap_info.token}"

    def finish(self) -> None:
        """Revokes the root token."""
        self._do("auth/token/revoke-self", {})

    def _role_id(self, name: str) -> str:
        path = f"auth/approle/role/{name}/role-id"
        reply = self._connections.call("GET", path, None, self._headers)
        return answers.decoded(reply, _RoleIdReply).data.role_id

    def _do(self, path: str, body: dict[str, object], headers: dict[str, str] | None = None) -> Reply:
        raw = msgspec.json.encode(body)
        reply = self._connections.call("POST", path, raw, self._headers | (headers or {}))
        if reply.status not in (200, 204):
            raise Refused("keystore.provision", f"{path}: {answers.said(reply)}")
        return reply


def _role(name: str, terms: Terms) -> dict[str, object]:
    return {
        "token_policies": [name],
        "token_no_default_policy": True,
        "token_type": "service",
        "token_ttl": f"{terms.token_s}s",
        "token_max_ttl": f"{terms.token_s_max}s",
        "token_bound_cidrs": list(terms.cidrs),
        "secret_id_bound_cidrs": list(terms.cidrs),
    }
