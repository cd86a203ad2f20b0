"""From Gong's shapes to ours: calls, owners, users."""

from __future__ import annotations

from datetime import UTC

from ingest.domain.calls import Affiliation, Call, CallId, Owner, Party
from ingest.domain.users import User
from ingest.gong.crm import deal_of
from ingest.gong.models import CallData, PartyData, UserData


def read_call(data: CallData) -> Call:
    """One call of the extensive list."""
    meta, parties = data.meta_data, data.parties or []
    started = meta.started if meta.started.tzinfo else meta.started.replace(tzinfo=UTC)
    return Call(
        call_id=CallId(meta.id),
        title=meta.title or "Untitled call",
        started_at=started.astimezone(UTC),
        duration_seconds=meta.duration,
        url=meta.url,
        direction=(meta.direction or "unknown").lower(),
        scope=(meta.scope or "unknown").lower(),
        is_private=meta.is_private,
        parties=tuple(_party(party) for party in parties),
        owner=_owner(parties, meta.primary_user_id),
        deal=deal_of(data.context or []),
    )


def read_user(data: UserData) -> User:
    """One user of the company's Gong."""
    name = " ".join(part.strip() for part in (data.first_name, data.last_name) if part and part.strip())
    return User(data.id, name or data.email_address or "Unknown", data.email_address, data.active)


def _party(data: PartyData) -> Party:
    return Party(
        speaker_id=data.speaker_id,
        name=data.name or data.email_address or "Unknown",
        title=data.title,
        affiliation=_affiliation(data.affiliation),
        email=data.email_address,
    )


def _affiliation(text: str | None) -> Affiliation:
    """A value that Gong adds one day counts as unknown."""
    known = {value.value: value for value in Affiliation}
    return known.get((text or "").lower(), Affiliation.UNKNOWN)


def _owner(parties: list[PartyData], primary_user_id: str | None) -> Owner | None:
    """The primary user, or else the first of the seller's own people."""
    primary = [party for party in parties if primary_user_id and party.user_id == primary_user_id]
    internal = [party for party in parties if _affiliation(party.affiliation) is Affiliation.INTERNAL]
    for party in [*primary, *internal]:
        return Owner(party.name or party.email_address or "Unknown", party.email_address)
    return None
