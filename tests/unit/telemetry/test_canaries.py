"""The search of log lines: it finds what it is for, whatever the level, and says where without saying what."""

from __future__ import annotations

import pytest

from core.log import logger
from testkit.canaries import Search, said

SECRETS = (
    "Bearer abcdefghijklmnopqrst",
    "eyJhbGciOiJSUzI1.eyJzdWIiOiJ1c2VyXzEi.c2ln",
    "whsec_" + "Ab3" * 8,
    "sk-ant-" + "a1" * 12,
    "xoxb-1234567890-abcdef",
    "postgresql://app:secret@127.0.0.1/db",
)


@pytest.mark.parametrize("text", [*SECRETS, *said()[:2]])
def test_what_must_not_be_in_a_line_is_found(line_search: Search, text: str) -> None:
    logger("test").debug("done", reason=f"it said: {text}, then", count=1)
    logger("test").error(text)
    found = line_search.take()
    assert len(found) == 2
    assert all(text not in one for one in found)


def test_ids_names_and_sentences_of_ours_are_not(line_search: Search) -> None:
    logger("test").info("outbound request", destination="gong", workspace="org_2abc", reason="the connection failed")
    assert line_search.take() == []
