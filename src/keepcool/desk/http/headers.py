"""What every answer of the desk tells the browser not to do.

Content Security Policy Level 3, Trusted Types, OWASP Secure Headers. The referrer policy is same-origin and
not none: with none a browser sends forms with `Origin: null`, and the origin is checked.
"""

from __future__ import annotations

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_PERMISSIONS = (
    "publickey-credentials-get=(self), publickey-credentials-create=(self), camera=(), microphone=()"
)
_TWO_YEARS_S = 63_072_000


def headers(*, secure: bool) -> list[tuple[bytes, bytes]]:
    """Of every answer. `secure`: browsers come over TLS."""
    found = {
        "content-security-policy": CONTENT_SECURITY_POLICY,
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": _PERMISSIONS,
    }
    if secure:
        found["strict-transport-security"] = f"max-age={_TWO_YEARS_S}; includeSubDomains"
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in found.items()]
