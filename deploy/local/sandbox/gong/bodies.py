"""Calls, people and transcripts in Gong's wire format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from operator import attrgetter

from local.sandbox.corpus.calls import Affiliation, Deal, Party, RecordedCall, Sentence
from local.sandbox.corpus.identifiers import numeric_id
from local.sandbox.gong.requests import ContentFields, ContentSelector, InteractionFields

Body = dict[str, object]

_NO_CONTENT, _NO_INTERACTION = ContentFields(), InteractionFields()
_WON, _LOST = "Closed Won", "Closed Lost"
_PROBABILITY = {"Discovery": 15, "Evaluation": 35, "Proposal": 55, "Negotiation": 75, _WON: 100, _LOST: 0}


@cache
def workspace_id(workspace: str) -> str:
    """Gong's own id of the tenant's one Gong workspace."""
    return numeric_id("workspace", workspace)


def call_metadata(call: RecordedCall) -> Body:
    """``CallBasicData``: what both call lists show of a call."""
    sides = {party.affiliation for party in call.parties}
    body: Body = {
        "id": call.call_id,
        "url": f"https://app.gong.io/call?id={call.call_id}",
        "title": call.title,
        "scheduled": call.started_at.isoformat(),
        "started": call.started_at.isoformat(),
        "duration": call.duration_ms // 1000,
        "direction": "Conference",
        "system": "Zoom",
        "scope": _scope(sides),
        "media": "Video",
        "language": "eng",
        "workspaceId": workspace_id(call.workspace),
        "meetingUrl": f"https://meet.example/{call.call_id}",
        "isPrivate": call.is_private,
    }
    if call.owner and call.owner.user_id:
        body["primaryUserId"] = call.owner.user_id
    if call.attribution:
        body["customData"] = call.attribution
    return body


def _scope(sides: set[Affiliation]) -> str:
    if Affiliation.EXTERNAL in sides:
        return "External"
    return "Internal" if sides == {Affiliation.INTERNAL} else "Unknown"


def call_record(call: RecordedCall, selector: ContentSelector) -> Body:
    """``CallData``: the metadata and whatever the selector asks for."""
    exposed = selector.exposed_fields
    body: Body = {"metaData": call_metadata(call)}
    if selector.context != "None":
        body["context"] = _context(call, selector)
    if exposed.parties:
        body["parties"] = [_party(call, party, selector) for party in call.parties]
    if exposed.content != _NO_CONTENT:
        body["content"] = _content(call, exposed.content)
    if exposed.interaction != _NO_INTERACTION:
        body["interaction"] = _interaction(call, exposed.interaction)
    if exposed.collaboration.public_comments:
        body["collaboration"] = {"publicComments": []}
    if exposed.media:
        body["media"] = {"videoUrl": f"https://media.gong.example/{call.call_id}.mp4"}
    return body


def _context(call: RecordedCall, selector: ContentSelector) -> list[Body]:
    if call.deal is None or not call.in_gong:
        return []
    account = numeric_id("account", call.workspace, call.deal.account)
    objects = [
        {"objectType": kind, "objectId": object_id, "timing": timing, "fields": fields}
        for timing in selector.context_timing
        for kind, object_id, fields in (
            ("Account", account, _account_fields(call.deal, selector)),
            ("Opportunity", numeric_id("deal", account), _deal_fields(call, call.deal, selector)),
        )
    ]
    return [{"system": "HubSpot", "objects": objects}]


def _account_fields(deal: Deal, selector: ContentSelector) -> list[Body]:
    values: dict[str, str | int | None] = {
        "Name": deal.account,
        "Industry": deal.industry,
        "NumberOfEmployees": deal.employees,
        "Segment": deal.segment,
    }
    return _fields(values, selector)


def _deal_fields(call: RecordedCall, deal: Deal, selector: ContentSelector) -> list[Body]:
    owner = call.owner
    values: dict[str, str | int | None] = {
        "Name": f"{deal.account}: {deal.segment}",
        "StageName": deal.stage,
        "Amount": deal.amount,
        "CurrencyIsoCode": deal.currency,
        "Probability": _PROBABILITY.get(deal.stage),
        "IsClosed": deal.stage in {_WON, _LOST},
        "IsWon": deal.stage == _WON,
        "OwnerId": owner.user_id if owner else None,
        "OwnerName": owner.name if owner else None,
    }
    return _fields(values, selector)


def _fields(values: dict[str, str | int | None], selector: ContentSelector) -> list[Body]:
    if selector.context != "Extended":
        return []
    return [{"name": name, "value": value} for name, value in values.items() if value is not None]


def _party(call: RecordedCall, party: Party, selector: ContentSelector) -> Body:
    spoke = any(sentence.speaker_id == party.speaker_id for sentence in call.sentences)
    optional = {
        "emailAddress": party.email,
        "title": party.title or None,
        "userId": party.user_id,
        "speakerId": party.speaker_id if spoke else None,
    }
    body: Body = {
        "id": party.party_id,
        "name": party.name,
        "affiliation": party.affiliation.value,
        "methods": ["Invitee", "Attendee"] if spoke else ["Invitee"],
    }
    if selector.context != "None":
        body["context"] = []
    return body | {name: value for name, value in optional.items() if value is not None}


def _content(call: RecordedCall, wanted: ContentFields) -> Body:
    topics = _topic_seconds(call)
    parts: Body = {
        "topics": [{"name": name, "duration": seconds} for name, seconds in topics.items()],
        "structure": [{"name": name, "duration": seconds} for name, seconds in topics.items()],
        "trackers": [],
        "brief": f"{call.title}: {', '.join(topics)}." if topics else call.title,
        "outline": [],
        "highlights": [],
        "callOutcome": {"id": "0", "category": "Connected", "name": "Connected"},
        "keyPoints": [],
    }
    asked = wanted.model_dump(by_alias=True)
    return {name: part for name, part in parts.items() if asked[name]}


def _topic_seconds(call: RecordedCall) -> dict[str, int]:
    spent: defaultdict[str, int] = defaultdict(int)
    for sentence in call.sentences:
        if sentence.topic:
            spent[sentence.topic] += sentence.end_ms - sentence.start_ms
    return {name: milliseconds // 1000 for name, milliseconds in spent.items()}


def _interaction(call: RecordedCall, wanted: InteractionFields) -> Body:
    talk = _talk_seconds(call)
    ours = {party.speaker_id for party in call.parties if party.affiliation is Affiliation.INTERNAL}
    total = sum(talk.values()) or 1.0
    asked = [sentence.speaker_id in ours for sentence in call.sentences if sentence.text.rstrip().endswith("?")]
    parts: Body = {
        "speakers": [_speaker(party, talk) for party in call.parties if party.speaker_id in talk],
        "video": [],
        "interactionStats": [
            {"name": "Talk Ratio", "value": round(sum(talk[who] for who in talk if who in ours) / total, 3)}
        ],
        "questions": {"companyCount": sum(asked), "nonCompanyCount": len(asked) - sum(asked)},
    }
    flags = wanted.model_dump(by_alias=True) | {"interactionStats": wanted.person_interaction_stats}
    return {name: part for name, part in parts.items() if flags[name]}


def _talk_seconds(call: RecordedCall) -> dict[str, float]:
    spent: defaultdict[str, float] = defaultdict(float)
    for sentence in call.sentences:
        spent[sentence.speaker_id] += (sentence.end_ms - sentence.start_ms) / 1000
    return dict(spent)


def _speaker(party: Party, talk: dict[str, float]) -> Body:
    body: Body = {"id": party.party_id, "talkTime": round(talk[party.speaker_id], 1)}
    return body | ({"userId": party.user_id} if party.user_id else {})


def call_transcript(call: RecordedCall) -> Body:
    """``CallTranscript``: monologues, each one speaker on one topic; sentence times in milliseconds."""
    spoken = groupby(call.sentences, key=_by_whom_on_what)
    return {"callId": call.call_id, "transcript": [_monologue(*key, group) for key, group in spoken]}


_by_whom_on_what = attrgetter("speaker_id", "topic")


def _monologue(speaker_id: str, topic: str, sentences: Iterable[Sentence]) -> Body:
    body: Body = {"speakerId": speaker_id}
    if topic:
        body["topic"] = topic
    body["sentences"] = [
        {"start": sentence.start_ms, "end": sentence.end_ms, "text": sentence.text} for sentence in sentences
    ]
    return body


def user_record(party: Party, workspace: str) -> Body:
    """``UserMetadata`` of one of the seller's own people."""
    first, _, last = party.name.partition(" ")
    body: Body = {
        "id": party.user_id,
        "emailAddress": party.email or f"{party.user_id}@{workspace}.example",
        "created": "2025-01-06T08:00:00Z",
        "active": True,
        "firstName": first,
        "lastName": last,
        "emailAliases": [],
        "spokenLanguages": [{"language": "en-US", "primary": True}],
    }
    return body | ({"title": party.title} if party.title else {})
