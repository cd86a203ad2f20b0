"""Every way in which each sender's webhook can be forged, and the reason for which it has to be refused."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ingest.domain.webhooks import Reason, Sender
from integration.ingest import bodies, senders
from integration.ingest.post import NOW
from integration.ingest.senders import GONG_PATH, ORIGIN, OTHER_RULE_KEY, OTHER_SECRETS, RULE_KEY, Letter

OLD, NEW = 301, 301

NOBODYS_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

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


def _byte_added(letter: Letter) -> Letter:
    """Still JSON that says the same, so that nothing but the signature can notice."""
    return replace(letter, body=letter.body.replace(b'"', b' "', 1))


def _byte_left_out(letter: Letter) -> Letter:
    """The line's end of the indented JSON: what is left says the same."""
    return replace(letter, body=letter.body.replace(b"\n", b"", 1))


def _byte_changed(letter: Letter) -> Letter:
    """One bit of the last digit: JSON that says something else."""
    place = max(letter.body.rfind(digit) for digit in b"0123456789")
    return replace(letter, body=letter.body[:place] + bytes([letter.body[place] ^ 1]) + letter.body[place + 1 :])


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
            ("a byte added", sender, lambda m: _byte_added(m.letter()), body_reason),
            ("a byte left out", sender, lambda m: _byte_left_out(m.letter()), body_reason),
            ("cut short", sender, lambda m: replace(m.letter(), body=m.body[:-1]), body_reason),
        ]
    return found


def _with_another_secret(make: Keyed) -> Forge:
    return lambda m: make(m.body, NOW, OTHER_SECRETS[m.sender.value])


def _with_the_secret_of(make: Keyed, other: Sender) -> Forge:
    return lambda m: make(m.body, NOW, senders.SECRETS[other.value])


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
    found += [
        ("another sender's secret", sender, _with_the_secret_of(makers[sender], other), Reason.WRONG_SIGNATURE)
        for sender in makers
        # Svix takes no secret that is not base64.
        if sender is not Sender.CLERK
        for other in makers
        if other is not sender
    ]
    return found


def _wrong_rule_keys() -> list[Forgery]:
    """Of nobody's rule, and of another workspace's; and a secret that is used as another sender does."""
    return [
        (
            "wrong key",
            Sender.GONG,
            lambda _: senders.gong(bodies.call(), NOW, NOBODYS_KEY),
            Reason.WRONG_SIGNATURE,
        ),
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


def _unsigned_tokens() -> list[Forgery]:
    """No algorithm, in every spelling, and with a signature that is good for another one."""
    signed = senders.gong(bodies.call(), NOW).headers["authorization"]
    _, claims, signature = signed.split(".")
    return [
        ("algorithm none", Sender.GONG, _with_header("authorization", token), Reason.MALFORMED_SIGNATURE)
        for name in ("none", "None", "NONE", "nOnE", "")
        for token in (f"{_part(name)}.{claims}.", f"{_part(name)}.{claims}.{signature}", f"{_part(name)}.{claims}")
    ]


def _part(algorithm: str) -> str:
    header = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    return base64.urlsafe_b64encode(header).rstrip(b"=").decode()


def _no_schemes() -> list[Forgery]:
    """What "algorithm none" is to the senders without tokens: a scheme that is none, or one with nothing behind it."""
    stamp = int(NOW.timestamp())
    headers = {
        Sender.CLERK: ("svix-signature", ("none,", "v1,", "v1,none", ",", " ")),
        Sender.STRIPE: ("stripe-signature", (f"t={stamp},none=", f"t={stamp},v1=", f"t={stamp},v1=none", f"t={stamp}")),
        Sender.HUBSPOT: ("x-hubspot-signature-v3", ("none", "=", "v3=")),
        Sender.SLACK: ("x-slack-signature", ("none=", "v0=", "v0=none", "v0")),
    }
    return [
        ("algorithm none", sender, _with_header(name, value), Reason.WRONG_SIGNATURE)
        for sender, (name, values) in headers.items()
        for value in values
    ]


def _with_header(name: str, value: str) -> Forge:
    return lambda m: m.letter().with_header(name, value)


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
    """Well signed by one sender, sent to the address of each other."""
    return [
        ("another sender's address", sender, _sent_to_the_address_of(sender, other), Reason.NO_SIGNATURE)
        for sender in ALL
        for other in ALL
        if other is not sender
    ]


def _sent_to_the_address_of(sender: Sender, signer: Sender) -> Forge:
    return lambda _: replace(ALL[signer].letter(), path=ALL[sender].letter().path)


FORGERIES = [
    *_of_each(),
    *_wrong_keys(),
    *_wrong_rule_keys(),
    *_weaker_tokens(),
    *_unsigned_tokens(),
    *_no_schemes(),
    *_weaker_versions(),
    *_wrong_addresses(),
    *_wrong_senders(),
]


# By sender and way: some ways have several forms, which are tried on one database.
WAYS: dict[tuple[Sender, str], list[tuple[Forge, Reason]]] = {}
for _way, _sender, _forge, _reason in FORGERIES:
    WAYS.setdefault((_sender, _way), []).append((_forge, _reason))
