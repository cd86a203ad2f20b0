"""From HubSpot's properties, which are all text, to deals, companies and people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from ingest.domain.calls import Outcome
from ingest.domain.deals import CrmCompany, CrmDeal
from ingest.hubspot.models import ObjectData, OwnerData, PipelineData

# The stages that a new account's only pipeline ends with; others are known by the flags of the deal.
_WON, _LOST = "closedwon", "closedlost"


class Names(Struct, frozen=True):
    """What ids mean: owners' names by id, stages' labels by pipeline and id."""

    owners: Mapping[str, str]
    stages: Mapping[tuple[str, str], str]


def owner_names(owners: Iterable[OwnerData]) -> dict[str, str]:
    """Each owner's name, or the address of one without a name."""
    named = {one.id: f"{one.first_name or ''} {one.last_name or ''}".strip() or one.email or "" for one in owners}
    return {owner_id: name for owner_id, name in named.items() if name}


def stage_labels(pipelines: Iterable[PipelineData]) -> dict[tuple[str, str], str]:
    """Each stage's label; two pipelines may use one id."""
    return {(pipeline.id, stage.id): stage.label for pipeline in pipelines for stage in pipeline.stages}


def read_deal(data: ObjectData, names: Names) -> CrmDeal:
    """One deal. A stage or an owner that is not known any more keeps its id, for a filter may name it."""
    told = data.properties
    stage, owner = _text(told, "dealstage"), _text(told, "hubspot_owner_id")
    won, closed = _flag(told, "hs_is_closed_won"), _flag(told, "hs_is_closed")
    outcome = _outcome(stage, won=won, closed=closed)
    created = _moment(told, "createdate") or _aware(data.created_at)
    is_over = outcome in {Outcome.WON, Outcome.LOST}
    return CrmDeal(
        deal_id=data.id,
        created_at=created,
        # HubSpot dates the end of an open deal by expectation: that is no end. One without any date ended as soon as it began.
        closed_at=(_moment(told, "closedate") or created) if is_over else None,
        company_id=_text(told, "hs_primary_associated_company") or "",
        stage=names.stages.get((_text(told, "pipeline") or "", stage or ""), stage),
        amount=_number(told, "amount"),
        currency=_text(told, "deal_currency_code"),
        owner=names.owners.get(owner or "", owner),
        outcome=outcome,
    )


def read_company(data: ObjectData) -> CrmCompany:
    """One company."""
    employees = _number(data.properties, "numberofemployees")
    return CrmCompany(
        company_id=data.id,
        name=_text(data.properties, "name"),
        employees=None if employees is None or employees < 0 else int(employees),
        industry=_text(data.properties, "industry"),
    )


def contact_addresses(data: ObjectData) -> set[str]:
    """All addresses of a contact, in lower case: further ones are in one text with semicolons."""
    texts = (_text(data.properties, "email"), *(_text(data.properties, "hs_additional_emails") or "").split(";"))
    return {text.strip().lower() for text in texts if text and text.strip()}


def contact_company(data: ObjectData) -> str:
    """The id of a contact's company; empty where there is none."""
    return _text(data.properties, "associatedcompanyid") or ""


def company_web_domain(data: ObjectData) -> str:
    """The company's own domain, in lower case."""
    return (_text(data.properties, "domain") or "").lower()


def _outcome(stage: str | None, *, won: bool | None, closed: bool | None) -> Outcome | None:
    if won or (won is None and stage == _WON):
        return Outcome.WON
    if closed or (closed is None and stage == _LOST):
        return Outcome.LOST
    return Outcome.OPEN if stage or closed is not None else None


def _text(told: Mapping[str, str | None], name: str) -> str | None:
    return (told.get(name) or "").strip() or None


def _number(told: Mapping[str, str | None], name: str) -> float | None:
    try:
        number = float(_text(told, name) or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _flag(told: Mapping[str, str | None], name: str) -> bool | None:
    text = _text(told, name)
    return None if text is None else text.lower() == "true"


def _moment(told: Mapping[str, str | None], name: str) -> datetime | None:
    """ISO 8601, or milliseconds since 1970 as older answers have it."""
    text = _text(told, name)
    if text is None:
        return None
    try:
        return (
            datetime.fromtimestamp(int(text) / 1_000, UTC) if text.isdigit() else _aware(datetime.fromisoformat(text))
        )
    except (ValueError, OverflowError, OSError):
        return None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
