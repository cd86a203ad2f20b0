"""Gong's webhooks, of an automation rule: there is a call. Signed by a token (RS256) with the key of that rule.

help.gong.io, "Prepare your receiving application to receive a webhook". The rule's key is public: it proves who sent, and is no secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from core.errors import InvalidInput
from ingest.domain.webhooks import NoticedCall, Reason
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.refusal import Refused
from ingest.webhooks.signing import check_time, present
from ingest.webhooks.wire import Id, Wire, moment_of, read_body

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

_SMALLEST_RSA_BITS = 2048
_LONGEST_TOKEN = 8192


class _Claims(Wire):
    webhook_url: str
    body_sha256: str
    iat: float
    exp: float


class _MetaData(Wire):
    id: Id
    started: str | None = None


class _CallData(Wire):
    metaData: _MetaData  # noqa: N815 - Gong's spelling


class _Notice(Wire):
    isTest: bool = False  # noqa: N815 - Gong's spelling
    callData: _CallData | None = None  # noqa: N815 - Gong's spelling


_CLAIMS = TypeAdapter(_Claims)
_NOTICE = TypeAdapter(_Notice)


def public_key(text: str) -> RSAPublicKey:
    """The key of a rule as Gong shows it, bare base64, or in PEM armour. Raises InvalidInput for what is none of at least 2048 bits."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    lines = [line for line in text.strip().splitlines() if not line.startswith("-----")]
    try:
        key = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidInput("the key is not a public key in base64: copy it from the rule in Gong") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _SMALLEST_RSA_BITS:
        raise InvalidInput(
            f"the key is not an RSA key of at least {_SMALLEST_RSA_BITS} bits: copy it from the rule in Gong"
        )
    return key


def check_token(key: RSAPublicKey, url: str, arrival: Arrival) -> None:
    """Gong's rule sent the body to `url` within five minutes of now. Raises Refused."""
    claims = _claims(key, _token(arrival))
    check_time(_claimed_time(claims.iat), arrival.now)
    if _claimed_time(claims.exp) < arrival.now:
        raise Refused(Reason.TOO_OLD)
    if not hmac.compare_digest(claims.webhook_url.encode(), url.encode()):
        raise Refused(Reason.WRONG_URL)
    digest = hashlib.sha256(arrival.body).hexdigest()
    if not hmac.compare_digest(claims.body_sha256.encode(), digest.encode()):
        raise Refused(Reason.WRONG_BODY)


def read_notice(body: bytes) -> NoticedCall | None:
    """The call that Gong tells of; None for a test and for a rule that sends something else. Raises InvalidInput, which quotes nothing."""
    notice = read_body(_NOTICE, body)
    if notice.isTest or notice.callData is None:
        return None
    return NoticedCall(notice.callData.metaData.id, _started(notice.callData.metaData.started))


def _token(arrival: Arrival) -> str:
    """With the word Bearer before it, or without: Gong sends the token alone."""
    header = present(arrival.headers.get("authorization")).strip()
    scheme, _, rest = header.partition(" ")
    token = rest.strip() if scheme.lower() == "bearer" else header
    if not token or len(token) > _LONGEST_TOKEN:
        raise Refused(Reason.MALFORMED_SIGNATURE)
    return token


def _claims(key: RSAPublicKey, token: str) -> _Claims:
    """The token's claims; its times are judged by our own clock, in both directions.

    What it says of its own algorithm is not followed: RS256 or nothing.
    """
    import jwt
    from jwt.types import Options

    options = Options(verify_exp=False, verify_iat=False, verify_nbf=False, verify_aud=False)
    try:
        return _CLAIMS.validate_python(jwt.decode(token, key, algorithms=["RS256"], options=options))
    except jwt.InvalidSignatureError:
        raise Refused(Reason.WRONG_SIGNATURE) from None
    except (jwt.PyJWTError, ValidationError, ValueError):
        raise Refused(Reason.MALFORMED_SIGNATURE) from None


def _claimed_time(stamp: float) -> datetime:
    try:
        return moment_of(stamp)
    except InvalidInput:
        raise Refused(Reason.MALFORMED_SIGNATURE) from None


def _started(text: str | None) -> datetime | None:
    """When the call began; None where Gong does not say so in a way that can be read: it is only shown."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
