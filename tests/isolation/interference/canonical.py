"""What of an answer is no matter of isolation: the database's clock, and the randomness of encryption. Anything else counts.

    2026-11-23T22:00:00.123456+00:00   -> <time>      (and the same as people read it: 23 Nov 2026, 22:00 JST -> <time> JST; 23 Nov 2026)
    callmine-report-2026-11-23-…       -> callmine-report-<day>-…
    <time>~3 (a mark of the audit log) -> <time>~<count>: how many entries came in within half a minute before it
    ends=1795467600&signature=…        -> ends=<time>&signature=<of it>
    v1-5c1c… , the hash of a state     -> <version>: times are in the state, which is shown beside it
    12.5 calls a minute, about 3 min   -> <pace>: by the times at which calls were analysed
    a sealed credential                -> the SHA-256 of what is inside, opened with the requester's key
    whsec_…                            -> <secret>: random, as is what is sealed of it
    in 12 ms, "took_ms":12             -> in <n> ms, "took_ms":<n>
    "key";r=590;t=55                    -> "key";r=590;t=<n>

Ids, trace ids and the services' own clock are not replaced: they are the same in both worlds (see `sources`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import UTC

from msgspec.structs import replace

from callmine.credentials.v1.credentials_pb2 import CredentialGranted
from callmine.integrations.v1.integrations_pb2 import Provider
from contracts import pack, unpack
from contracts.sealing import Binding, CannotOpen, SealingKey
from isolation.interference.surroundings import AUDIT_KEY
from isolation.interference.world import Published

_MONTHS = b"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
# Kept: whose timezone an answer is in is a matter of isolation.
_ZONE = rb"( (?:UTC[+-]\d{2,4}|[A-Z]{2,5})\b)"
_RULES = (
    (re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"), b"<time>"),
    (re.compile(rb"<time>~\d+"), b"<time>~<count>"),
    (re.compile(rb"\b\d{1,2} (?:" + _MONTHS + rb") \d{4}(?:, \d\d:\d\d" + _ZONE + rb")?"), rb"<time>\1"),
    (re.compile(rb"callmine-(report|findings)-\d{4}-\d\d-\d\d"), rb"callmine-\1-<day>"),
    # The tag of a body in which times may stand; the body itself is compared.
    (re.compile(rb"etag: \"[\w-]{32}\""), b'etag: "' + b"-" * 32 + b'"'),
    # A link to a file: the time when it ends, and the signature of that time and the person's own ids.
    (re.compile(rb"ends=\d+&(amp;)?signature=[0-9a-f]{64}"), rb"ends=<time>&\1signature=<of it>"),
    (re.compile(rb"\bv1-[0-9a-f]{32}\b"), b"<version>"),
    (re.compile(rb'"(calls_a_minute|remaining_seconds)": [0-9.]+'), rb'"\1": <pace>'),
    (re.compile(rb"whsec_[A-Za-z0-9+/]+=*"), b"<secret>"),
    (re.compile(rb'"(milliseconds|took_ms)":\d+'), rb'"\1":<n>'),
    (re.compile(rb"\b(in|after) \d+ ms"), rb"\1 <n> ms"),
    # How long a limit's minute still lasts, by the database's clock; how much of it is left is compared.
    (re.compile(rb";r=(\d+);t=\d+"), rb";r=\1;t=<n>"),
    (re.compile(rb"[0-9.]+ calls a minute|about [0-9]+ (?:s|min|minutes?|h [0-9]+ min)\b"), b"<pace>"),
)
_LENGTH = re.compile(rb"^content-length: \d+$", re.MULTILINE)


def canonical(shown: bytes) -> bytes:
    """`shown` with times replaced; its length too where a time of changing length was in it."""
    found = shown
    for pattern, name in _RULES:
        found = pattern.sub(name, found)
    return found if len(found) == len(shown) else _LENGTH.sub(b"content-length: <n>", found)


def canonical_event(published: Published, key: SealingKey) -> bytes:
    """A row of the outbox, all of it but its number, with what is sealed opened."""
    event = unpack(published.body, published.attributes)
    body = published.body
    if isinstance(event.payload, CredentialGranted):
        opened = CredentialGranted()
        opened.CopyFrom(event.payload)
        siem = opened.provider == Provider.PROVIDER_SIEM
        names = ("siem", "audit") if siem else ("gong", "ingest")
        binding = Binding(event.workspace_id, opened.grant_id, *names, opened.expires_at.ToDatetime(UTC))
        inside = canonical(_opened(event.payload, binding, AUDIT_KEY if siem else key))
        opened.sealed = hashlib.sha256(inside).digest()
        body = pack(replace(event, payload=opened))
    attributes = json.dumps(dict(published.attributes), sort_keys=True)
    said = f"{published.service} says on {published.topic} in order {published.ordering_key}: {attributes} "
    return said.encode() + body.hex().encode()


def _opened(granted: CredentialGranted, binding: Binding, key: SealingKey) -> bytes:
    try:
        return key.open(granted.sealed, binding)
    except CannotOpen:
        return b"does not open"


def in_lanes(events: Sequence[Published]) -> list[Published]:
    """Events by topic and ordering key, their order within one kept: between lanes nobody promises any."""
    return sorted(events, key=lambda one: (one.service, one.topic, one.ordering_key))
