"""What a request comes to: terms, and what services report, in any order and however often."""

from __future__ import annotations

import itertools
import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from core.errors import Conflict, InvalidInput
from retention.domain.erasures import (
    OF_REPORTS,
    TOLD,
    Erasure,
    Part,
    Receipt,
    Stage,
    State,
    Verdict,
    check_name,
    check_report,
    is_erased,
    judge,
    terms_of,
    with_receipt,
)
from retention.federal import is_federal_holiday

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
TERMS = terms_of(NOW, "America/New_York", NOW, is_federal_holiday)


def at(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


RECEIPTS = (
    Receipt(service="ingest", stage=Stage.FROZEN, at=at(25)),
    Receipt(service="ingest", stage=Stage.ERASED, at=at(26), rows={"calls": 12, "fetches": 3}, objects=24),
    # Told twice: the second time there was less to erase.
    Receipt(service="ingest", stage=Stage.ERASED, at=at(27), rows={"calls": 0, "fetches": 3}, objects=0),
    Receipt(service="ingest", stage=Stage.VERIFIED, at=at(28), left={"calls": 2, "inbox": 1}, attempt=1),
    Receipt(service="ingest", stage=Stage.VERIFIED, at=at(29), left={"calls": 1, "jobs": 4}, attempt=1),
    Receipt(service="ingest", stage=Stage.VERIFIED, at=at(30), left={"calls": 0}, attempt=2),
)


def told(receipts: tuple[Receipt, ...]) -> Part:
    part = Part(service="ingest")
    for one in receipts:
        part = with_receipt(part, one)
    return part


def test_reports_come_to_the_same_in_any_order_and_however_often() -> None:
    for length in range(1, len(RECEIPTS) + 1):
        for chosen in itertools.combinations(RECEIPTS, length):
            expected = told(chosen)
            for order in (
                itertools.permutations(chosen) if length < 5 else [random.Random(length).sample(chosen, length)]
            ):
                assert told((*order, *random.Random(1).choices(order, k=3))) == expected
    assert told(RECEIPTS) == Part(
        service="ingest",
        frozen_at=at(25),
        erased_at=at(26),
        verified_at=at(30),
        rows={"calls": 12, "fetches": 3},
        objects=24,
        attempt=2,
    )


def test_a_part_is_as_far_as_its_last_report() -> None:
    stages = [told(RECEIPTS[:count]).stage for count in range(len(RECEIPTS) + 1)]
    assert stages == [None, Stage.FROZEN, *[Stage.ERASED] * 4, Stage.VERIFIED]


def test_what_is_erased_waits_for_each_service() -> None:
    parts = [Part(service=name, erased_at=NOW) for name in TOLD]
    assert is_erased(parts)
    for missing in range(len(parts)):
        assert not is_erased([*parts[:missing], Part(service=TOLD[missing], frozen_at=NOW), *parts[missing + 1 :]])


def test_a_verification_is_judged_when_all_have_answered_this_one() -> None:
    clean = [Part(service=name, attempt=2, verified_at=NOW) for name in TOLD]
    assert judge(clean, 2) is Verdict.NOTHING_LEFT
    assert judge(clean, 3) is Verdict.WAITING
    for place, name in enumerate(TOLD):
        others = [one for one in clean if one.service != name]
        assert judge(others, 2) is Verdict.WAITING
        assert judge([*others, Part(service=name, attempt=1, verified_at=NOW)], 2) is Verdict.WAITING
        assert judge([*others, Part(service=name, attempt=2, left={"rows": place + 1})], 2) is Verdict.LEFT


def test_terms_count_from_the_request_in_the_workspaces_zone() -> None:
    assert TERMS.take_back_until == NOW + timedelta(hours=24)
    assert TERMS.target_at == NOW + timedelta(hours=48)
    # Monday, Tuesday, Wednesday; Thanksgiving does not count.
    assert TERMS.alarm_at == datetime(2026, 11, 26, 5, tzinfo=UTC)
    assert TERMS.deadline == datetime(2026, 12, 3, 5, tzinfo=UTC)
    # A mail that was entered two days after it came: less time is left, and still a day to take it back.
    late = terms_of(NOW, "America/New_York", NOW + timedelta(days=2), is_federal_holiday)
    assert (late.deadline, late.take_back_until) == (TERMS.deadline, NOW + timedelta(days=3))
    assert terms_of(NOW, "Nowhere/At_All", NOW, is_federal_holiday).zone == "UTC"
    assert terms_of(NOW, "../etc/passwd", NOW, is_federal_holiday).zone == "UTC"


def test_what_can_be_taken_back_and_what_is_late() -> None:
    asked = Erasure(id=uuid.UUID(int=1), state=State.ASKED, terms=TERMS, by_staff=False)
    assert asked.can_be_taken_back(TERMS.take_back_until - timedelta(microseconds=1))
    assert not asked.can_be_taken_back(TERMS.take_back_until)
    assert not asked.is_late(TERMS.deadline)
    assert asked.is_late(TERMS.deadline + timedelta(microseconds=1))


def test_of_a_report_one_service_is_waited_for() -> None:
    part = Part(service="analysis", erased_at=NOW, attempt=1, verified_at=NOW)
    assert (is_erased([part]), is_erased([part], OF_REPORTS)) == (False, True)
    assert (judge([part], 1), judge([part], 1, OF_REPORTS)) == (Verdict.WAITING, Verdict.NOTHING_LEFT)
    assert judge([replace(part, left={"quotes": 1})], 1, OF_REPORTS) is Verdict.LEFT


def test_the_end_of_a_reports_id_is_typed_or_all_of_it() -> None:
    report = uuid.UUID("01977a10-7c11-7aaa-8000-0000c0ffee01")
    for typed in ("c0ffee01", " C0FFEE01 ", str(report)):
        check_report(typed, report)
    for typed in ("", "c0ffee0", "0c0ffee01", "c0ffee02", str(report)[:8]):
        with pytest.raises(InvalidInput, match="last 8"):
            check_report(typed, report)


def test_what_ended_without_an_erasure_is_not_late() -> None:
    asked = Erasure(id=uuid.UUID(int=1), state=State.ASKED, terms=TERMS, by_staff=False)
    after = TERMS.deadline + timedelta(days=1)
    late = {state: replace(asked, state=state, completed_at=after).is_late(after) for state in State}
    assert {state for state, is_late in late.items() if not is_late} == {
        State.TAKEN_BACK,
        State.NOT_FOUND,
        State.STILL_MEMBER,
    }


def test_the_name_is_typed_as_it_is() -> None:
    check_name("  Harborline  Group ", "Harborline Group")
    with pytest.raises(InvalidInput):
        check_name("harborline group", "Harborline Group")
    with pytest.raises(InvalidInput):
        check_name("", "Harborline Group")
    with pytest.raises(Conflict):
        check_name("", "")
