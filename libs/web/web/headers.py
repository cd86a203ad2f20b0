"""The security headers of every answer."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from web.settings import ServiceSettings

_YEAR = 31536000


def security_headers(settings: ServiceSettings, form_targets: Sequence[str] = ()) -> dict[str, str]:
    """The headers for `settings`.

    `form_targets` are origins that a form's answer may redirect to (a provider's consent page): browsers apply
    `form-action` to redirects too.
    """
    headers = {
        "content-security-policy": content_security_policy(settings, form_targets),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
    if settings.public_url.startswith("https://"):
        headers["strict-transport-security"] = f"max-age={_YEAR}; includeSubDomains"
    return headers


def content_security_policy(settings: ServiceSettings, form_targets: Sequence[str]) -> str:
    """Only our own files, and Clerk's script where one is configured; nothing inline, no frames."""
    clerk = _clerk_origins(settings)
    worker = "'self' blob:" if clerk else "'self'"  # Clerk's script polls from a worker made of a blob
    directives = {
        "default-src": ["'none'"],
        "script-src": ["'self'", *clerk],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'", *clerk],
        "worker-src": [worker],
        "form-action": ["'self'", *form_targets],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


def _clerk_origins(settings: ServiceSettings) -> list[str]:
    """Where Clerk's script comes from and where it talks to (the issuer is its front-end API)."""
    if settings.clerk_script_url is None:
        return []
    addresses = (settings.clerk_script_url, settings.clerk_issuer)
    places = [urlsplit(address) for address in addresses]
    return sorted({f"{place.scheme}://{place.netloc}" for place in places})
