"""Does Gong accept this key? Asked before a credential is called connected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import InvalidInput
from credential_vault.domain.credentials import BasicPair
from credential_vault.providers.port import Refused
from egress import Egress, ProviderRejected

if TYPE_CHECKING:
    from egress import Response

# A person waits for the answer.
_TIMEOUT_SECONDS = 15.0

_UNAUTHORIZED, _FORBIDDEN = 401, 403

# The words shown are cut here, so that a page of HTML from a broken proxy stays a line.
_LONGEST_WORDS = 200


async def verify(egress: Egress, pair: BasicPair, base_url: str) -> None:
    """Return when Gong accepts the pair.

    Raises Refused for a 401, InvalidInput for another refusal, both with Gong's own words, and Transient when Gong cannot be reached.
    """
    try:
        response = await egress.request(
            "gong",
            "GET",
            f"{base_url}/v2/users",
            auth=(pair.access_key, pair.secret),
            timeout=_TIMEOUT_SECONDS,
        )
    except ProviderRejected as error:
        if error.provider_status in {_UNAUTHORIZED, _FORBIDDEN}:
            refusal = Refused if error.provider_status == _UNAUTHORIZED else InvalidInput
            raise refusal(f"Gong did not accept this key: {_words(error)}. Nothing was stored.") from None
        raise InvalidInput(f"Gong answered {error.provider_status}: {_words(error)}. Nothing was stored.") from None
    if not _lists_users(response):
        raise InvalidInput("This address does not answer as Gong's API does: check the base URL. Nothing was stored.")


def _lists_users(response: Response) -> bool:
    """Whether it is Gong's API that answered: other servers below gong.io have a page for any path."""
    try:
        body = response.json()
    except ValueError:
        return False
    return isinstance(body, dict) and isinstance(body.get("users"), list)


def _words(error: ProviderRejected) -> str:
    body = error.json()
    errors = body.get("errors") if isinstance(body, dict) else None
    said = "; ".join(text for text in errors if isinstance(text, str)) if isinstance(errors, list) else ""
    return said[:_LONGEST_WORDS].rstrip(".") or "it gave no reason"
