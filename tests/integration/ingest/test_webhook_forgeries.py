"""Every webhook, forged in every way: refused, counted, nothing written.

The same letter, left alone, is taken each time, so that no denial is for another reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from unit.web.issuer import Issuer

from ingest.domain.webhooks import Outcome, Reason, Sender
from ingest.webhooks.arrival import LARGEST_BODY
from integration.ingest import senders
from integration.ingest.forgeries import ALL, FORGERIES, WAYS
from integration.ingest.harness import Ingest
from integration.ingest.post import NOW, Post, furnish, open_post
from integration.ingest.senders import OTHER_SECRETS


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def post(ingest: Ingest, issuer: Issuer) -> AsyncIterator[Post]:
    await furnish(ingest)
    async with open_post(ingest, issuer) as opened:
        yield opened


@pytest.mark.parametrize(("sender", "way"), WAYS, ids=[f"{sender.value}: {way}" for sender, way in WAYS])
async def test_a_forgery_is_refused_and_counted_and_nothing_is_written(post: Post, sender: Sender, way: str) -> None:
    before = await post.written()
    counted: Counter[tuple[Sender, Outcome | Reason]] = Counter()
    for forge, reason in WAYS[sender, way]:
        letter = forge(ALL[sender])
        counted[sender, reason] += 1
        answer = await post.send(letter)
        assert (answer.status_code, post.counts()) == (401, counted), (letter, answer.text)
        assert await post.written() == before
        assert reason.value not in answer.text
    # The same letter, left alone, is taken.
    assert (await post.send(ALL[sender].letter())).status_code == 200
    assert post.counts()[sender, Outcome.TAKEN] == 1
    assert await post.written() != before


# The ways that each sender's webhook can be forged in. Only HubSpot and Gong sign the address; only Gong's keys belong to workspaces.
OF_EACH = {
    "no signature",
    "wrong key",
    "old",
    "from the future",
    "a byte changed",
    "another sender's address",
    "algorithm none",
}
OF_SOME = {
    "signed for another address": {Sender.HUBSPOT, Sender.GONG},
    "another workspace's key": {Sender.GONG},
    "another workspace's letter": {Sender.GONG},
}


def test_every_sender_is_forged_in_every_way() -> None:
    assert set(ALL) == set(Sender)
    forged = {sender: {way for one, way in WAYS if one is sender} for sender in Sender}
    assert {sender: OF_EACH - names for sender, names in forged.items()} == {sender: set() for sender in Sender}
    for name, wanted in OF_SOME.items():
        assert {sender for sender, names in forged.items() if name in names} == wanted
    assert {reason for *_, reason in FORGERIES} == set(Reason) - {
        Reason.TOO_LARGE,
        Reason.UNREADABLE,
        Reason.NOT_SET_UP,
    }


@pytest.mark.parametrize("sender", Sender)
@pytest.mark.parametrize("seconds", [-300, 300])
async def test_five_minutes_either_way_are_taken(post: Post, sender: Sender, seconds: float) -> None:
    assert (await post.send(ALL[sender].letter(seconds))).status_code == 200
    assert post.counts() == {(sender, Outcome.TAKEN): 1}


@pytest.mark.parametrize("sender", Sender)
async def test_what_is_too_large_is_413_before_it_is_checked(post: Post, sender: Sender) -> None:
    before = await post.written()
    letter = replace(ALL[sender].letter(), body=b" " * (LARGEST_BODY + 1))

    async def in_parts() -> AsyncIterator[bytes]:
        yield letter.body[:-1]
        yield letter.body[-1:]

    announced = await post.send(letter)
    unannounced = await post.client.post(letter.path, content=in_parts(), headers=dict(letter.headers))
    assert (announced.status_code, unannounced.status_code) == (413, 413)
    assert post.counts() == {(sender, Reason.TOO_LARGE): 2}
    assert await post.written() == before


@pytest.mark.parametrize("sender", Sender)
@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b"7", b"token=x&team_id=T1"])
async def test_what_is_signed_and_cannot_be_read_is_400(post: Post, sender: Sender, body: bytes) -> None:
    before = await post.written()
    answer = await post.send(ALL[sender].sign(body, NOW))
    assert (answer.status_code, post.counts()) == (400, {(sender, Reason.UNREADABLE): 1}), answer.text
    assert await post.written() == before
    assert "T1" not in answer.text


@pytest.mark.parametrize("sender", [one for one in Sender if one is not Sender.GONG])
async def test_without_its_secret_a_sender_is_asked_to_come_again(post: Post, sender: Sender) -> None:
    del post.drawer.held[f"{sender.value}-webhook-secret"]
    answer = await post.send(ALL[sender].letter())
    assert (answer.status_code, post.counts()) == (503, {(sender, Reason.NOT_SET_UP): 1})
    assert "secret" not in answer.text


@pytest.mark.parametrize("sender", [one for one in Sender if one is not Sender.GONG])
async def test_two_secrets_overlap_while_one_takes_the_others_place(post: Post, sender: Sender) -> None:
    name = f"{sender.value}-webhook-secret"
    post.drawer.held[name] = f"{OTHER_SECRETS[sender.value]}\n{post.drawer.held[name]}\n"
    assert (await post.send(ALL[sender].letter())).status_code == 200
    post.drawer.held[name] = OTHER_SECRETS[sender.value]
    assert (await post.send(ALL[sender].letter())).status_code == 401


@pytest.mark.parametrize("sender", Sender)
@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "text/plain", "application/x-www-form-urlencoded", "x"]
)
async def test_any_content_type_is_read(post: Post, sender: Sender, content_type: str) -> None:
    assert (await post.send(ALL[sender].letter(), content_type=content_type)).status_code == 200


async def test_the_host_that_a_request_names_is_not_believed(post: Post) -> None:
    """Behind a proxy it is the proxy's, and in an attack the attacker's."""
    mine = ALL[Sender.HUBSPOT].letter()
    theirs = senders.hubspot(mine.body, NOW, url="https://evil.example/webhooks/hubspot")
    named = {"host": "evil.example", "x_forwarded_host": "evil.example", "x_forwarded_proto": "https"}
    assert (await post.send(theirs, **named)).status_code == 401
    assert (await post.send(mine, **named)).status_code == 200


async def test_gongs_token_may_have_the_word_bearer_before_it(post: Post) -> None:
    letter = ALL[Sender.GONG].letter()
    for word in ("Bearer", "bearer"):
        marked = letter.with_header("authorization", f"{word} {letter.headers['authorization']}")
        assert (await post.send(marked)).status_code == 200


async def test_a_closed_address_refuses(post: Post) -> None:
    await post.ingest.sql("DELETE FROM gong_rules WHERE endpoint = $1", senders.ENDPOINT)
    assert (await post.send(ALL[Sender.GONG].letter())).status_code == 401
    assert post.counts() == {(Sender.GONG, Reason.UNKNOWN_ADDRESS): 1}
