"""The installation's own certificate authority, and the certificates of the bus.

One CA per installation, trusted by its services and by nobody else. A client certificate opens the door
of the broker; the nkey says who enters. ECDSA P-256, X.509 v3 (RFC 5280).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from keepcool.adapters.identity.keyfiles import write_private

CA_DAYS, LEAF_DAYS = 3650, 825
_BEFORE = timedelta(days=1)  # hosts whose clocks lag a little


@dataclass(frozen=True, slots=True)
class Authority:
    """The CA. Its key signs certificates at installation and is then carried away."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def __repr__(self) -> str:
        return f"Authority({self.certificate.subject.rfc4514_string()})"


def make_authority(name: str, now_s: int) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_named(name), _named(name), key.public_key(), now_s, CA_DAYS)
    certificate = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def write_authority(authority: Authority, certificate: Path, key: Path) -> None:
    certificate.write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    write_private(key, _pem(authority.key))


def read_authority(certificate: Path, key: Path) -> Authority:
    loaded = serialization.load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(loaded, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    return Authority(x509.load_pem_x509_certificate(certificate.read_bytes()), loaded)


def issue_server(
    authority: Authority, hosts: Sequence[str], certificate: Path, key: Path, now_s: int
) -> None:
    """A server certificate for these host names and addresses, written as two PEM files."""
    names = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
    _issue(authority, _Leaf(hosts[0], (ExtendedKeyUsageOID.SERVER_AUTH,), names), certificate, key, now_s)


def issue_route(authority: Authority, host: str, certificate: Path, key: Path, now_s: int) -> None:
    """A certificate of a server among servers: it is asked, and asks the others."""
    names = x509.SubjectAlternativeName([_general_name(host)])
    both = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
    _issue(authority, _Leaf(host, both, names), certificate, key, now_s)


def issue_client(authority: Authority, name: str, certificate: Path, key: Path, now_s: int) -> None:
    """A client certificate of a service, written as two PEM files."""
    _issue(authority, _Leaf(name, (ExtendedKeyUsageOID.CLIENT_AUTH,), None), certificate, key, now_s)


@dataclass(frozen=True, slots=True)
class _Leaf:
    name: str
    purposes: tuple[x509.ObjectIdentifier, ...]
    hosts: x509.SubjectAlternativeName | None


def _issue(authority: Authority, leaf: _Leaf, certificate: Path, key: Path, now_s: int) -> None:
    own = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate.subject
    builder = (
        _builder(_named(leaf.name), issuer, own.public_key(), now_s, LEAF_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(leaf.purposes), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
    )
    if leaf.hosts is not None:
        builder = builder.add_extension(leaf.hosts, critical=False)
    signed = builder.sign(authority.key, hashes.SHA256())
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    write_private(key, _pem(own))


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now_s: int, days: int
) -> x509.CertificateBuilder:
    now = datetime.fromtimestamp(now_s, UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BEFORE)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
