"""Every webhook, forged in every way: refused, counted, nothing written.

The same letter, left alone, is taken each time, so that no denial is for another reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import datetime

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from unit.web.issuer import Issuer

from ingest.domain.webhooks import Outcome, Reason, Sender
from ingest.webhooks.arrival import LARGEST_BODY
from integration.ingest import bodies, senders
from integration.ingest.harness import Ingest
from integration.ingest.post import NOW, Post, furnish, open_post
from integration.ingest.senders import GONG_PATH, ORIGIN, OTHER_RULE_KEY, OTHER_SECRETS, RULE_KEY, Letter

OLD, NEW = 301, 301


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def post(ingest: Ingest, issuer: Issuer) -> AsyncIterator[Post]:
    await furnish(ingest)
    async with open_post(ingest, issuer) as opened:
        yield opened


Sign = Callable[[bytes, datetime], Letter]


@dataclass(frozen=True, slots=True)
class Made:
    """How one sender's letter is made, and which header holds the signature."""

    sender: Sender
    sign: Sign
    body: bytes
    signature: str

    def letter(self, seconds: float = 0) -> Letter:
        return self.sign(self.body, bodies_at(seconds))


def bodies_at(seconds: float) -> datetime:
    return datetime.fromtimestamp(NOW.timestamp() + seconds, NOW.tzinfo)


ALL = {
    made.sender: made
    for made in (
        Made(Sender.CLERK, senders.clerk, bodies.organisation(), "svix-signature"),
        Made(Sender.STRIPE, senders.stripe_event, bodies.checkout(), "stripe-signature"),
        Made(Sender.GONG, senders.gong, bodies.call(), "authorization"),
        Made(Sender.HUBSPOT, senders.hubspot, bodies.packed([bodies.farewell()]), "x-hubspot-signature-v3"),
        Made(Sender.SLACK, senders.slack, bodies.slack_body(bodies.UNINSTALLED), "x-slack-signature"),
    )
}

Forge = Callable[[Made], Letter]
Forgery = tuple[str, Sender, Forge, Reason]

Keyed = Callable[[bytes, datetime, str], Letter]


def _byte_changed(letter: Letter) -> Letter:
    """One byte more, one less, one other: still JSON, so that nothing but the signature can notice."""
    return replace(letter, body=letter.body.replace(b'"', b' "', 1))


def _of_each() -> list[Forgery]:
    """The ways that every sender's webhook can be forged in."""
    found: list[Forgery] = []
    for sender in ALL:
        body_reason = Reason.WRONG_BODY if sender is Sender.GONG else Reason.WRONG_SIGNATURE
        nonsense = Reason.MALFORMED_SIGNATURE if sender in {Sender.GONG, Sender.STRIPE} else Reason.WRONG_SIGNATURE
        found += [
            ("no signature", sender, lambda m: m.letter().without(m.signature), Reason.NO_SIGNATURE),
            ("empty signature", sender, lambda m: m.letter().with_header(m.signature, ""), Reason.NO_SIGNATURE),
            ("nonsense", sender, lambda m: m.letter().with_header(m.signature, "nonsense"), nonsense),
            ("old", sender, lambda m: m.letter(-OLD), Reason.TOO_OLD),
            ("from the future", sender, lambda m: m.letter(NEW), Reason.TOO_NEW),
            ("a day from the future", sender, lambda m: m.letter(86_400), Reason.TOO_NEW),
            ("a byte changed", sender, lambda m: _byte_changed(m.letter()), body_reason),
            ("cut short", sender, lambda m: replace(m.letter(), body=m.body[:-1]), body_reason),
        ]
    return found


def _with_another_secret(make: Keyed) -> Forge:
    return lambda m: make(m.body, NOW, OTHER_SECRETS[m.sender.value])


def _wrong_keys() -> list[Forgery]:
    """Somebody else's key: of nobody, of another sender, of another workspace."""
    makers: dict[Sender, Keyed] = {
        Sender.CLERK: senders.clerk,
        Sender.STRIPE: senders.stripe_event,
        Sender.HUBSPOT: senders.hubspot,
        Sender.SLACK: senders.slack,
    }
    found: list[Forgery] = [
        (
            "wrong key",
            sender,
            _with_another_secret(make),
            Reason.WRONG_SIGNATURE,
        )
        for sender, make in makers.items()
    ]
    return [
        *found,
        (
            "another workspace's key",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, OTHER_RULE_KEY),
            Reason.WRONG_SIGNATURE,
        ),
        (
            "another workspace's letter",
            Sender.GONG,
            lambda _: replace(senders.gong(bodies.call(), NOW), path=f"/webhooks/gong/{senders.OTHER_ENDPOINT}"),
            Reason.WRONG_SIGNATURE,
        ),
        (
            "another sender's secret",
            Sender.STRIPE,
            lambda _: senders.stripe_event(bodies.checkout(), NOW, senders.SECRETS["clerk"]),
            Reason.WRONG_SIGNATURE,
        ),
        # Stripe keys with the whole text, Svix with what is behind whsec_.
        (
            "the same secret, the other scheme",
            Sender.CLERK,
            lambda _: replace(
                senders.stripe_event(bodies.organisation(), NOW, senders.SECRETS["clerk"]), path="/webhooks/clerk"
            ),
            Reason.NO_SIGNATURE,
        ),
    ]


def _public_pem() -> bytes:
    return RULE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _weaker_tokens() -> list[Forgery]:
    """Tokens that prove less: no algorithm, a public key as a secret, no end."""
    return [
        (
            "algorithm none",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, None, algorithm="none"),
            Reason.MALFORMED_SIGNATURE,
        ),
        (
            "public key as a secret",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, _public_pem()),
            Reason.MALFORMED_SIGNATURE,
        ),
        (
            "public key as shown as a secret",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, senders.as_shown(RULE_KEY).encode()),
            Reason.MALFORMED_SIGNATURE,
        ),
        (
            "another RSA scheme",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, algorithm="PS256"),
            Reason.MALFORMED_SIGNATURE,
        ),
        ("no claims", Sender.GONG, lambda _: _token({}), Reason.MALFORMED_SIGNATURE),
        (
            "no end",
            Sender.GONG,
            lambda _: _token({"webhook_url": "x", "body_sha256": "y", "iat": 1}),
            Reason.MALFORMED_SIGNATURE,
        ),
    ]


def _weaker_versions() -> list[Forgery]:
    """Earlier and other versions of a signature, and what is nearly one."""
    stripe_v0 = senders.stripe_event(bodies.checkout(), NOW)
    slack_v1 = senders.slack(ALL[Sender.SLACK].body, NOW)
    clerk_v2 = ALL[Sender.CLERK].letter()
    return [
        (
            "v0 alone",
            Sender.STRIPE,
            lambda _: stripe_v0.with_header("stripe-signature", _old_scheme(stripe_v0)),
            Reason.WRONG_SIGNATURE,
        ),
        (
            "two times",
            Sender.STRIPE,
            lambda _: stripe_v0.with_header("stripe-signature", _two_times(stripe_v0)),
            Reason.MALFORMED_SIGNATURE,
        ),
        (
            "another version",
            Sender.SLACK,
            lambda _: slack_v1.with_header(
                "x-slack-signature", slack_v1.headers["x-slack-signature"].replace("v0=", "v1=")
            ),
            Reason.WRONG_SIGNATURE,
        ),
        (
            "another version",
            Sender.CLERK,
            lambda _: clerk_v2.with_header("svix-signature", clerk_v2.headers["svix-signature"].replace("v1,", "v2,")),
            Reason.WRONG_SIGNATURE,
        ),
        ("version 1", Sender.HUBSPOT, lambda _: _hubspot_v1(), Reason.NO_SIGNATURE),
        (
            "version 1 as version 3",
            Sender.HUBSPOT,
            lambda _: _hubspot_v1("x-hubspot-signature-v3"),
            Reason.WRONG_SIGNATURE,
        ),
        (
            "time in seconds",
            Sender.HUBSPOT,
            lambda _: (
                ALL[Sender.HUBSPOT].letter().with_header("x-hubspot-request-timestamp", str(int(NOW.timestamp())))
            ),
            Reason.WRONG_SIGNATURE,
        ),
    ]


def _token(claims: dict[str, object]) -> Letter:
    token = jwt.encode(claims, RULE_KEY, algorithm="RS256")
    return Letter(GONG_PATH, bodies.call(), {"authorization": token})


def _old_scheme(letter: Letter) -> str:
    return letter.headers["stripe-signature"].replace("v1=", "v0=")


def _two_times(letter: Letter) -> str:
    return f"t={int(NOW.timestamp()) - 1},{letter.headers['stripe-signature']}"


def _hubspot_v1(header: str = "x-hubspot-signature") -> Letter:
    letter = ALL[Sender.HUBSPOT].letter()
    digest = hashlib.sha256(senders.SECRETS["hubspot"].encode() + letter.body).hexdigest()
    return letter.without("x-hubspot-signature-v3").with_header(header, digest)


def _wrong_addresses() -> list[Forgery]:
    """Signed for another address than the one that it is sent to, or sent to one that nobody opened."""
    query = replace(ALL[Sender.HUBSPOT].letter(), path="/webhooks/hubspot?portal=1")
    return [
        (
            "signed for another address",
            Sender.HUBSPOT,
            lambda _: senders.hubspot(ALL[Sender.HUBSPOT].body, NOW, url="https://evil.example/webhooks/hubspot"),
            Reason.WRONG_SIGNATURE,
        ),
        ("a query added", Sender.HUBSPOT, lambda _: query, Reason.WRONG_SIGNATURE),
        (
            "signed for another address",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, url=f"https://evil.example{GONG_PATH}"),
            Reason.WRONG_URL,
        ),
        (
            "signed for plain http",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, url=f"http{ORIGIN.removeprefix('https')}{GONG_PATH}"),
            Reason.WRONG_URL,
        ),
        (
            "an address nobody opened",
            Sender.GONG,
            lambda _: replace(senders.gong(bodies.call(), NOW), path=f"/webhooks/gong/{'c' * 32}"),
            Reason.UNKNOWN_ADDRESS,
        ),
        (
            "an address that is none",
            Sender.GONG,
            lambda _: replace(senders.gong(bodies.call(), NOW), path="/webhooks/gong/%00'--"),
            Reason.UNKNOWN_ADDRESS,
        ),
    ]


def _wrong_senders() -> list[Forgery]:
    """Well signed by one sender, sent to the address of another."""
    return [
        (
            "another sender's address",
            Sender.SLACK,
            lambda _: replace(senders.stripe_event(bodies.checkout(), NOW), path="/webhooks/slack"),
            Reason.NO_SIGNATURE,
        ),
        (
            "another sender's address",
            Sender.STRIPE,
            lambda _: replace(ALL[Sender.SLACK].letter(), path="/webhooks/stripe"),
            Reason.NO_SIGNATURE,
        ),
        (
            "another sender's address",
            Sender.CLERK,
            lambda _: replace(senders.stripe_event(bodies.checkout(), NOW), path="/webhooks/clerk"),
            Reason.NO_SIGNATURE,
        ),
    ]


FORGERIES = [
    *_of_each(),
    *_wrong_keys(),
    *_weaker_tokens(),
    *_weaker_versions(),
    *_wrong_addresses(),
    *_wrong_senders(),
]


@pytest.mark.parametrize(
    ("sender", "forge", "reason"), [one[1:] for one in FORGERIES], ids=[f"{s.value}: {n}" for n, s, _, _ in FORGERIES]
)
async def test_a_forgery_is_refused_and_counted_and_nothing_is_written(
    post: Post, sender: Sender, forge: Forge, reason: Reason
) -> None:
    before = await post.written()
    answer = await post.send(forge(ALL[sender]))
    assert (answer.status_code, post.counts()) == (401, {(sender, reason): 1}), answer.text
    assert await post.written() == before
    assert reason.value not in answer.text
    # The same letter, left alone, is taken.
    assert (await post.send(ALL[sender].letter())).status_code == 200
    assert post.counts()[sender, Outcome.TAKEN] == 1
    assert await post.written() != before


def test_every_sender_is_forged_in_every_way() -> None:
    assert set(ALL) == set(Sender)
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
