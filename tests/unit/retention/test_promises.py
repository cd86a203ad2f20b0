"""What the evidence makes of a sentence: green only where all of it is there, whole, of the same words and young enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from house.projects import ROOT
from retention.catalogue import read_promises
from retention.domain.promises import Evidence, Named, Promise, Standing, judge, latest

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
PROMISE = Promise(
    id="P1",
    title="On the way",
    sentence="Everything is encrypted on the way.",
    owner="platform",
    time_to_live=timedelta(days=7),
    limits="",
    checks=(Named("speaks-tls", "it speaks TLS"), Named("no-plain-text", "nothing is plain")),
    mutants=(Named("listener", "one listens without"),),
)
PROOF = Evidence(
    promise="P1",
    sentence=PROMISE.sentence,
    proved_at=NOW - timedelta(hours=1),
    commit="0" * 40,
    uncommitted=False,
    checks={"speaks-tls": True, "no-plain-text": True},
    mutants={"listener": True},
    figures={"speaks-tls": {"listeners": 9, "oldest version": "TLSv1.3", "share": 0.5}, "no-plain-text": {}},
)


def test_green_takes_every_check_every_mutant_the_same_words_and_youth() -> None:
    assert judge(PROMISE, PROOF, NOW).standing is Standing.PROVEN
    assert judge(PROMISE, PROOF, NOW).reason == ""


@pytest.mark.parametrize(
    ("evidence", "standing", "words"),
    [
        (None, Standing.UNPROVEN, "not been proved here"),
        (replace(PROOF, sentence="Most is encrypted."), Standing.UNPROVEN, "an earlier wording"),
        (replace(PROOF, checks={"speaks-tls": True}), Standing.UNPROVEN, "lacks: no-plain-text"),
        (replace(PROOF, checks={}), Standing.UNPROVEN, "lacks: speaks-tls, no-plain-text"),
        (replace(PROOF, mutants={}), Standing.UNPROVEN, "lacks: listener"),
        (replace(PROOF, checks={**PROOF.checks, "speaks-tls": False}), Standing.BROKEN, "speaks-tls failed"),
        (replace(PROOF, mutants={"listener": False}), Standing.BROKEN, "listener was not noticed"),
        (replace(PROOF, checks={"speaks-tls": False}), Standing.BROKEN, "speaks-tls failed"),
        (replace(PROOF, proved_at=NOW - timedelta(days=7, seconds=1)), Standing.STALE, "older"),
    ],
)
def test_anything_less_is_not_green_and_says_why(evidence: Evidence | None, standing: Standing, words: str) -> None:
    judged = judge(PROMISE, evidence, NOW)
    assert (judged.standing, words in judged.reason) == (standing, True), judged.reason


def test_what_failed_does_not_become_merely_old() -> None:
    failed = replace(PROOF, checks={**PROOF.checks, "speaks-tls": False}, proved_at=NOW - timedelta(days=100))
    assert judge(PROMISE, failed, NOW).standing is Standing.BROKEN


def test_grey_comes_by_itself_with_the_last_second_of_its_time() -> None:
    ends = PROOF.proved_at + PROMISE.time_to_live
    assert judge(PROMISE, PROOF, ends).standing is Standing.PROVEN
    assert judge(PROMISE, PROOF, ends + timedelta(seconds=1)).standing is Standing.STALE


def test_a_sentence_that_nothing_checks_is_not_proven_whatever_is_shown() -> None:
    bare = replace(PROMISE, checks=(), mutants=())
    assert judge(bare, PROOF, NOW).standing is Standing.UNPROVEN


def test_the_newest_counts_and_the_future_does_not() -> None:
    older, newer = replace(PROOF, proved_at=NOW - timedelta(days=2)), PROOF
    future = replace(PROOF, proved_at=NOW + timedelta(minutes=6))
    assert latest([newer, older, future], NOW) == {"P1": newer}
    near = replace(PROOF, proved_at=NOW + timedelta(minutes=4))
    assert latest([newer, near], NOW) == {"P1": near}


def test_the_ten_promises_are_there_in_their_words() -> None:
    promises = read_promises()
    assert [one.id for one in promises][:10] == [f"P{number}" for number in range(1, 11)]
    assert len({one.id for one in promises}) == len(promises)
    assert all(one.mutants for one in promises if one.checks)
    assert all(bool(one.checks) == bool(one.mutants) for one in promises)
    assert (ROOT / "trust/promises.yaml").samefile(ROOT / "services/retention/retention/promises.yaml")
