"""The object a call is stored as."""

from __future__ import annotations

import hashlib
import json

from unit.ingest.calls import call

from ingest.call_object import call_object
from ingest.domain.calls import Deal, Outcome, Sentence, described

SPOKEN = [Sentence("1", 0, 900, "Good morning, Tomás."), Sentence("2", 1000, 2000, "Hi.")]


def test_it_holds_what_readers_rely_on() -> None:
    document = json.loads(
        call_object(described(call(deal=Deal(stage="Proposal", outcome=Outcome.OPEN))), SPOKEN).content
    )
    assert document["version"] == 1
    assert document["started_at"] == "2026-03-01T15:30:00+00:00"
    assert document["owner"] == {"name": "Maya Lindqvist", "email": "maya@seller.example"}
    assert document["parties"][1]["affiliation"] == "external"
    assert document["deal"]["outcome"] == "open"
    assert document["sentences"][0] == {"speaker_id": "1", "start_ms": 0, "end_ms": 900, "text": "Good morning, Tomás."}


def test_it_is_named_after_the_call_and_its_content() -> None:
    packed = call_object(described(call()), SPOKEN)
    assert packed.name == f"calls/7001/{hashlib.sha256(packed.content).hexdigest()[:16]}.json.gz"
    assert call_object(described(call()), SPOKEN) == packed
    assert call_object(described(call()), SPOKEN[:1]).name != packed.name


def test_its_bytes_are_those_that_pythons_own_json_makes() -> None:
    """What an earlier release has stored keeps its name when the call is fetched again."""
    odd = "".join(map(chr, range(0x20))) + '"\\/\x7f\x80\u2028\ufeff👋🏽 שלום'
    metadata = described(
        call(title=odd, deal=Deal(stage="Proposal", amount=64000.5, employees=7, outcome=Outcome.OPEN))
    )
    spoken = [*SPOKEN, Sentence("", 3000, 3000, odd)]
    plain = {**metadata, "version": 1, "sentences": [sentence._asdict() for sentence in spoken]}
    stored = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    assert call_object(metadata, spoken).content == stored.encode()
