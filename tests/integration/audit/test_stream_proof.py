"""The proof that streams lose nothing, in a short form; and that it finds each sender that would."""

from __future__ import annotations

import pytest

from audit.streaming.sender import Sender
from chaos.audit.streams import MUTANTS, streamed


async def test_nothing_is_lost_while_requests_fail_and_senders_die(postgres_url: str) -> None:
    found = await streamed(postgres_url, 1, seconds=240)
    assert found.problems == []
    assert (found.of["lost"], found.of["unmarked"], found.of["disordered"]) == (0, 0, 0)
    assert all(found.of[name] for name in ("streamed", "failed", "repeated", "stream_deaths"))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
async def test_a_sender_that_is_wrong_is_found(postgres_url: str, mutant: type[Sender]) -> None:
    found = await streamed(postgres_url, 2, mutant, seconds=120)
    assert found.problems
