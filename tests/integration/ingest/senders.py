"""The five senders of webhooks: each signs as its own library does where there is one, and by the published scheme where there is none."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import jwt
import stripe
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from slack_sdk.signature import Clock, SignatureVerifier
from svix.webhooks import Webhook

ORIGIN = "https://hooks.callmine.example"
ENDPOINT, OTHER_ENDPOINT = "a" * 32, "b" * 32
GONG_PATH = f"/webhooks/gong/{ENDPOINT}"

RULE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RULE_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

SECRETS = {
    "clerk": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "stripe": "whsec_stripe_in_tests",
    "hubspot": "client-secret-in-tests",
    "slack": "signing-secret-in-tests",
}
OTHER_SECRETS = {name: "whsec_" + base64.b64encode(name.ljust(24, "x").encode()).decode() for name in SECRETS}


@dataclass(frozen=True, slots=True)
class Letter:
    """A webhook on its way."""

    path: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def with_header(self, name: str, value: str) -> Letter:
        """The same with another value in one header."""
        return replace(self, headers={**self.headers, name: value})

    def without(self, *names: str) -> Letter:
        """The same without some headers."""
        return replace(self, headers={name: value for name, value in self.headers.items() if name not in names})


def as_shown(key: rsa.RSAPrivateKey) -> str:
    """The public half as Gong shows it."""
    return base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def clerk(body: bytes, at: datetime, secret: str = SECRETS["clerk"], message_id: str = "msg_1") -> Letter:
    """Signed by Svix."""
    headers = {
        "svix-id": message_id,
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign(message_id, at, body.decode()),
    }
    return Letter("/webhooks/clerk", body, headers)


def stripe_event(body: bytes, at: datetime, secret: str = SECRETS["stripe"]) -> Letter:
    """Signed by Stripe's client."""
    stamp = int(at.timestamp())
    signature = stripe.WebhookSignature._compute_signature(f"{stamp}.{body.decode()}", secret)
    return Letter("/webhooks/stripe", body, {"stripe-signature": f"t={stamp},v1={signature}"})


class _At(Clock):
    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> float:
        return self._at.timestamp()


def slack(body: bytes, at: datetime, secret: str = SECRETS["slack"]) -> Letter:
    """Signed by Slack's client."""
    stamp = str(int(at.timestamp()))
    signature = SignatureVerifier(secret, _At(at)).generate_signature(timestamp=stamp, body=body)
    assert signature is not None
    return Letter("/webhooks/slack", body, {"x-slack-request-timestamp": stamp, "x-slack-signature": signature})


def hubspot(body: bytes, at: datetime, secret: str = SECRETS["hubspot"], url: str = "") -> Letter:
    """Signed by the scheme, which tests/contract/ingest/test_webhook_vectors.py holds to HubSpot's own vectors."""
    stamp = str(int(at.timestamp() * 1000))
    source = b"POST" + (url or f"{ORIGIN}/webhooks/hubspot").encode() + body + stamp.encode()
    signature = base64.b64encode(hmac.digest(secret.encode(), source, "sha256")).decode()
    headers = {"x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": signature}
    return Letter("/webhooks/hubspot", body, headers)


def gong(
    body: bytes,
    at: datetime,
    key: rsa.RSAPrivateKey | bytes | None = RULE_KEY,
    url: str = f"{ORIGIN}{GONG_PATH}",
    algorithm: str = "RS256",
) -> Letter:
    """Signed by PyJWT, or by hand where that refuses to."""
    claims = {
        "webhook_url": url,
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "iss": "Gong",
        "iat": int(at.timestamp()),
        "exp": int((at + timedelta(hours=1)).timestamp()),
    }
    token = _confused(claims, key) if isinstance(key, bytes) else jwt.encode(claims, key or "", algorithm=algorithm)
    return Letter(GONG_PATH, body, {"authorization": token})


def _confused(claims: Mapping[str, object], secret: bytes) -> str:
    """A token whose HMAC has a public key for its secret: PyJWT does not make these."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    signed = f"{part(json.dumps({'alg': 'HS256', 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}"
    return f"{signed}.{part(hmac.digest(secret, signed.encode(), 'sha256'))}"
