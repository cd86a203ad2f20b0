"""What can be bought, and what a checkout session has to say before calls are credited for it."""

from __future__ import annotations

import uuid

import pytest
from msgspec.structs import replace

from core.errors import Conflict, InvalidInput
from core.ids import WorkspaceId
from retention.catalogue import read_tariff
from retention.domain.billing import Account
from retention.domain.plans import PlanName
from retention.domain.purchases import (
    MOST_PACKS,
    START_SECONDS,
    Purchase,
    Session,
    addon_item,
    calls_of,
    check_restart,
    objection,
    plan_item,
)

MINE, THEIRS = WorkspaceId("org_mine"), WorkspaceId("org_theirs")
_TARIFF = read_tariff(None)
assert _TARIFF is not None
TARIFF = _TARIFF
PACKS = addon_item(3, TARIFF)
PURCHASE = Purchase(uuid.UUID(int=1), PACKS, "user_1", "a@example.com")
PAID = Session(
    id="cs_1",
    mode="payment",
    status="complete",
    payment_status="paid",
    customer_id="cus_1",
    reference=MINE,
    workspace_id=MINE,
    checkout_id=str(PURCHASE.id),
    price_id=PACKS.price_id,
    quantity=3,
)


def test_a_plan_is_bought_once() -> None:
    assert plan_item("growth", TARIFF, None).plan is PlanName.GROWTH
    assert plan_item("growth", TARIFF, Account("cus_1")).price_id == TARIFF.prices[PlanName.GROWTH].id
    with pytest.raises(Conflict, match="subscription already"):
        plan_item("growth", TARIFF, Account("cus_1", live=1))
    for text in ("free", "trial", "gold"):
        with pytest.raises(InvalidInput, match="choose one of"):
            plan_item(text, TARIFF, None)


@pytest.mark.parametrize("packs", [0, -1, MOST_PACKS + 1])
def test_so_many_packs_are_not_sold(packs: int) -> None:
    with pytest.raises(InvalidInput, match="1 to 20 packs"):
        addon_item(packs, TARIFF)


def test_a_form_is_for_one_purchase_and_for_an_hour() -> None:
    check_restart(PURCHASE, PACKS)
    check_restart(PURCHASE, replace(PACKS, price_id="price_new"))
    for known, item in [
        (PURCHASE, addon_item(4, TARIFF)),
        (PURCHASE, plan_item("growth", TARIFF, None)),
        (replace(PURCHASE, age=START_SECONDS + 1), PACKS),
        (replace(PURCHASE, credited=True), PACKS),
    ]:
        with pytest.raises(Conflict, match="Open the page again"):
            check_restart(known, item)


@pytest.mark.parametrize(
    "session",
    [
        replace(PAID, reference=THEIRS),
        replace(PAID, workspace_id=THEIRS),
        replace(PAID, reference=""),
        replace(PAID, workspace_id=""),
        replace(PAID, customer_id="cus_2"),
    ],
)
def test_a_session_of_somebody_else_is_told_apart(session: Session) -> None:
    assert objection(PAID, MINE, "cus_1") == ""
    assert objection(session, MINE, "cus_1")


def test_calls_are_counted_by_what_was_paid_for() -> None:
    assert calls_of(PAID, PURCHASE) == 300
    assert calls_of(replace(PAID, quantity=1), PURCHASE) == 100
    for session in (
        replace(PAID, mode="subscription"),
        replace(PAID, price_id="price_other"),
        replace(PAID, quantity=0),
        replace(PAID, quantity=MOST_PACKS + 1),
    ):
        with pytest.raises(InvalidInput):
            calls_of(session, PURCHASE)
    with pytest.raises(InvalidInput):
        calls_of(PAID, replace(PURCHASE, item=plan_item("growth", TARIFF, None)))
