"""Reading Stripe's records: of what is there only what is needed, and no error that quotes any of it.

Stripe's objects are not dicts: `to_dict()` first. Fields as of API version 2026-10-28.endive: a subscription's period is on its items.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from core.errors import Transient
from retention.domain.billing import Invoice, Status, StripeSubscription
from retention.domain.purchases import Session


class Unreadable(Transient):
    """Stripe answered something that cannot be understood. It is tried again: a later release, theirs or ours, may."""


def _id(value: object) -> object:
    """An id, also where Stripe has put the object itself in its place."""
    return value.get("id") if isinstance(value, dict) else value


Reference = Annotated[str | None, BeforeValidator(_id)]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


R = TypeVar("R", bound=_Wire)


class Page(_Wire):
    """A page of a list."""

    data: list[dict[str, object]]
    has_more: bool


class _Transitions(_Wire):
    finalized_at: int | None = None


class InvoiceRecord(_Wire):
    """An invoice."""

    id: str
    customer: Reference = None
    number: str | None = None
    status: str | None = None
    total: int
    currency: str
    created: int
    attempt_count: int = 0
    status_transitions: _Transitions = _Transitions()

    @property
    def made_at(self) -> int:
        """When it was final, and the first payment tried."""
        return self.status_transitions.finalized_at or self.created


class _Price(_Wire):
    id: str


class _Item(_Wire):
    id: str
    price: _Price
    current_period_start: int
    current_period_end: int


class _Items(_Wire):
    data: tuple[_Item, ...] = ()


class _PhaseItem(_Wire):
    price: Reference = None


class _Phase(_Wire):
    start_date: int
    items: tuple[_PhaseItem, ...] = ()


class _Schedule(_Wire):
    id: str
    status: str = ""
    phases: tuple[_Phase, ...] = ()


def _whole(value: object) -> object:
    """What was not sent along, but only named, is none."""
    return value if isinstance(value, dict) else None


class SubscriptionRecord(_Wire):
    """A subscription, with its schedule and its latest invoice."""

    id: str
    customer: Reference = None
    status: Status
    created: int
    billing_cycle_anchor: int
    start_date: int
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    metadata: Mapping[str, str] = Field(default_factory=dict)
    items: _Items = _Items()
    schedule: Annotated[_Schedule | None, BeforeValidator(_whole)] = None
    latest_invoice: Annotated[InvoiceRecord | None, BeforeValidator(_whole)] = None

    def subscription(self, now: datetime) -> StripeSubscription:
        """The same in our words; of its schedule what follows after `now`."""
        items = self.items.data
        ends = [item.current_period_end for item in items] or [self.start_date]
        starts = [item.current_period_start for item in items] or [self.start_date]
        period_end = min(ends)
        ends_at = self.cancel_at or (period_end if self.cancel_at_period_end else None)
        following = self._following(now)
        failing = self.latest_invoice.made_at if self.latest_invoice else max(starts)
        return StripeSubscription(
            id=self.id,
            status=self.status,
            price_id=items[0].price.id if len(items) == 1 else "",
            item_id=items[0].id if len(items) == 1 else "",
            created_at=moment(self.created),
            anchored_at=moment(self.billing_cycle_anchor),
            period_end=moment(period_end),
            ends_at=moment(ends_at) if ends_at else None,
            next_price_id=following[1] if following else "",
            next_at=moment(following[0]) if following else None,
            schedule_id=self.schedule.id if self.schedule and self.schedule.status == "active" else "",
            failing_since=moment(failing) if self.status is Status.PAST_DUE else None,
            checkout_id=self.metadata.get("checkout_id", ""),
        )

    def _following(self, now: datetime) -> tuple[int, str] | None:
        """When another price follows, and which."""
        if self.schedule is None or self.schedule.status != "active":
            return None
        later = [
            phase for phase in self.schedule.phases if phase.start_date > now.timestamp() and len(phase.items) == 1
        ]
        first = min(later, key=lambda phase: phase.start_date, default=None)
        price = first.items[0].price if first else None
        return (first.start_date, price) if first and price else None


class CustomerRecord(_Wire):
    """A customer, or what is left of one that was deleted."""

    id: str
    deleted: bool = False
    metadata: Mapping[str, str] | None = None

    @property
    def workspace(self) -> str:
        """The workspace that we named at its creation; empty where none is."""
        return (self.metadata or {}).get("workspace_id", "")


class _Line(_Wire):
    price: _Price | None = None
    quantity: int | None = None


class _Lines(_Wire):
    data: tuple[_Line, ...] = ()
    has_more: bool = False


class SessionRecord(_Wire):
    """A checkout session, with its lines."""

    id: str
    mode: str
    status: str | None = None
    payment_status: str
    customer: Reference = None
    client_reference_id: str | None = None
    metadata: Mapping[str, str] | None = None
    url: str | None = None
    line_items: _Lines | None = None

    def session(self) -> Session:
        """The same in our words."""
        lines = self.line_items.data if self.line_items and not self.line_items.has_more else []
        only = lines[0] if len(lines) == 1 else _Line()
        named = self.metadata or {}
        return Session(
            id=self.id,
            mode=self.mode,
            status=self.status or "",
            payment_status=self.payment_status,
            customer_id=self.customer or "",
            reference=self.client_reference_id or "",
            workspace_id=named.get("workspace_id", ""),
            checkout_id=named.get("checkout_id", ""),
            price_id=only.price.id if only.price else "",
            quantity=only.quantity or 0,
            url=self.url or "",
        )


def invoice(record: InvoiceRecord) -> Invoice:
    """An invoice in our words."""
    return Invoice(
        record.id, record.number or "", record.status or "", record.total, record.currency, moment(record.created)
    )


def moment(stamp: int) -> datetime:
    """A time of Stripe's: whole seconds since 1970."""
    return datetime.fromtimestamp(stamp, UTC)


def read(model: type[R], content: object) -> R:
    """A record of Stripe's. Raises Unreadable, which names the place of the first fault and quotes nothing."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in fault["loc"])
        raise Unreadable(f"an answer of Stripe's cannot be read: {place} ({fault['type']})") from None
