"""The deal, from the CRM fields that Gong passes on under each CRM's own names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ingest.domain.calls import Deal, Outcome, Source
from ingest.gong.models import Context, ContextObject

Values = Mapping[str, object]

# Names as Salesforce, HubSpot and Dynamics write them, without case and punctuation; the first that has a value counts.
_STAGE = ("stagename", "stage", "dealstage", "dealstagename")
_AMOUNT = ("amount", "dealamount", "estimatedvalue")
_CURRENCY = ("currencyisocode", "dealcurrencycode", "currency")
_OWNER = ("ownername", "owner", "dealowner", "hubspotowner", "owneremail")
_WON = ("iswon", "hsisclosedwon")
_CLOSED = ("isclosed", "hsisclosed")
_NAME = ("name", "accountname", "companyname")
_INDUSTRY = ("industry",)
_EMPLOYEES = ("numberofemployees", "employees")
_SEGMENT = ("segment", "accountsegment", "companysegment", "marketsegment")


def deal_of(contexts: Sequence[Context]) -> Deal | None:
    """The call's deal, or None where no CRM object is attached. What the deal itself does not say, its account may."""
    objects = [item for context in contexts for item in context.objects or []]
    deal, account = _values(objects, "Opportunity"), _values(objects, "Account")
    if deal is None and account is None:
        return None
    deal, account = deal or {}, account or {}
    stage, amount, owner = _text(deal, _STAGE), _number(deal, _AMOUNT), _text(deal, _OWNER)
    employees = _whole(account, _EMPLOYEES)
    return Deal(
        account=_text(account, _NAME),
        stage=stage,
        amount=amount,
        currency=_text(deal, _CURRENCY),
        owner=owner,
        employees=employees,
        industry=_text(account, _INDUSTRY) or _text(deal, _INDUSTRY),
        segment=_text(account, _SEGMENT) or _text(deal, _SEGMENT),
        outcome=_outcome(deal),
        source=None if (stage, amount, owner) == (None, None, None) else Source.GONG,
        company_source=None if employees is None else Source.GONG,
    )


def _values(objects: Sequence[ContextObject], kind: str) -> Values | None:
    """The fields of the first object of `kind`; one as it is now before one as it was at the time of the call."""
    found = sorted(
        (item for item in objects if item.object_type == kind), key=lambda item: item.timing not in {"Now", None}
    )
    if not found:
        return None
    return {_plain(field.name): field.value for field in found[0].fields or [] if field.name}


def _plain(name: str | None) -> str:
    return "".join(character for character in (name or "").lower() if character.isalnum())


def _first(values: Values, names: Sequence[str]) -> object:
    return next((values[name] for name in names if values.get(name) not in (None, "")), None)


def _text(values: Values, names: Sequence[str]) -> str | None:
    value = _first(values, names)
    return str(value).strip() or None if isinstance(value, str | int | float) else None


def _number(values: Values, names: Sequence[str]) -> float | None:
    """HubSpot writes numbers as text."""
    value = _first(values, names)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value.replace(",", "") if isinstance(value, str) else value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _whole(values: Values, names: Sequence[str]) -> int | None:
    number = _number(values, names)
    return None if number is None else int(number)


def _flag(values: Values, names: Sequence[str]) -> bool | None:
    value = _first(values, names)
    return None if value is None else str(value).strip().lower() in {"true", "1", "yes"}


def _outcome(deal: Values) -> Outcome | None:
    stage = _plain(_text(deal, _STAGE))
    won, closed = _flag(deal, _WON), _flag(deal, _CLOSED)
    if won or stage.endswith("closedwon") or stage == "won":
        return Outcome.WON
    if closed or stage.endswith("closedlost") or stage == "lost":
        return Outcome.LOST
    return Outcome.OPEN if stage or closed is not None else None
