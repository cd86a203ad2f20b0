"""What a certificate states: an in-toto statement (https://in-toto.io/Statement/v1) on one erasure, in ids, counts and times."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_user_id, parse_uuid, parse_workspace_id
from retention.domain.business_days import IsHoliday
from retention.domain.erasures import TAKE_BACK, Call, Erasure, Part, Person, Scope, State, terms_of
from retention.evidence import STATEMENT_TYPE

PREDICATE_TYPE = "https://callmine.ai/erasure/certificate/v1"
# Of its own: whoever knows the other one only would read of a whole workspace.
REPORT_PREDICATE_TYPE = "https://callmine.ai/erasure/report-certificate/v1"
PERSON_PREDICATE_TYPE = "https://callmine.ai/erasure/person-certificate/v1"

SENTENCE = (
    "All reports, transcripts and workspace data of this workspace were permanently deleted. Each service that keeps something erased what "
    "its rules name, and then looked for what is left: the last search of all of them found nothing."
)

REPORT_SENTENCE = (
    "This report was permanently deleted: its document, its findings and quotes, the analysis of each of its calls, its run with the "
    "question, and its files. A search for what is left found nothing."
)

PERSON_SENTENCE = (
    "What was kept of the person whom this request names was permanently deleted: every call in which they took part, every run that read "
    "one of these calls, with its report, and what told of them as a former member of the workspace. Each service that keeps something "
    "erased what its rules name, and then looked for what is left: the last search of all of them found nothing."
)

# What a certificate may not pass over in silence. Each is said in docs/erasure.md.
REMAINS = (
    "The record of this request and this certificate. They name no person.",
    "Hashes of the audit log's entries: they prove that the log was not altered, and nothing of an entry can be read from them.",
    "Invoices at Stripe, as long as the law on bookkeeping says.",
    "Nightly backups until their days are over. Whoever restores one erases in it what the ledger of erasures names, before it serves.",
    "Messages that were delivered, for 7 days at most, in the messaging service of Google Cloud.",
    "What was posted to Slack, written to files or sent to a log stream at the customer's own wish: it lies with the customer.",
)

REPORT_REMAINS = (
    "The record of this request and this certificate. They name no person.",
    "Entries of the audit log that name the report by its id.",
    "What was metered of it, in ids and times, from which a bill can be worked out again.",
    "Transcripts of its calls, which other reports of the workspace are made from as well, until their own time is over.",
    "The schedule that asks the same question again, where there is one.",
    "Nightly backups until their days are over. Whoever restores one erases in it what the ledger of erasures names, before it serves.",
    "Messages that were delivered, for 7 days at most, in the messaging service of Google Cloud. They carry ids and counts.",
    "What was posted to Slack, downloaded or sent to a log stream at the customer's own wish: it lies with the customer.",
)

PERSON_REMAINS = (
    "The record of this request and this certificate. They name no person.",
    "Ids of the calls and of the former member, so that they do not come back, and so that a restored backup is erased as well.",
    "Hashes of the audit log's entries: they prove that the log was not altered, and nothing of an entry can be read from them.",
    "What was metered of runs, in ids and times, from which a bill can be worked out again.",
    "Words of others that name the person, in calls in which they did not take part and in the workspace's own texts.",
    "The recordings at Gong and the account at Clerk: they lie with the customer.",
    "Nightly backups until their days are over. Whoever restores one erases in it what the ledger of erasures names, before it serves.",
    "Messages that were delivered, for 7 days at most, in the messaging service of Google Cloud.",
    "What was posted to Slack, downloaded or sent to a log stream at the customer's own wish: it lies with the customer.",
)

_PREDICATES = {
    Scope.WORKSPACE: PREDICATE_TYPE,
    Scope.REPORT: REPORT_PREDICATE_TYPE,
    Scope.PERSON: PERSON_PREDICATE_TYPE,
}
_SENTENCES = {Scope.WORKSPACE: SENTENCE, Scope.REPORT: REPORT_SENTENCE, Scope.PERSON: PERSON_SENTENCE}
_REMAINS = {Scope.WORKSPACE: REMAINS, Scope.REPORT: REPORT_REMAINS, Scope.PERSON: PERSON_REMAINS}
_KINDS = {
    Scope.WORKSPACE: "callmine_erasure",
    Scope.REPORT: "callmine_report_erasure",
    Scope.PERSON: "callmine_person_erasure",
}
_LEDGERS = {Scope.WORKSPACE: "ledger", Scope.REPORT: "report ledger", Scope.PERSON: "person ledger"}


class Certified(Struct, frozen=True):
    """What is certified: the request, the reports of all services, when it was done, and the SHA-256 of the ledger's entries, by name."""

    workspace_id: WorkspaceId
    erasure: Erasure
    parts: Sequence[Part]
    completed_at: datetime
    ledger: Mapping[str, str]

    @property
    def in_time(self) -> bool:
        """Whether what is promised was kept."""
        return self.completed_at <= self.erasure.terms.deadline


def statement(certified: Certified) -> bytes:
    """The statement, as it is signed. Its subjects are the entries in the ledger, by their digests."""
    erasure, scope = certified.erasure, certified.erasure.scope
    told: dict[str, object] = {"sentence": _SENTENCES[scope], "scope": scope.value}
    if erasure.report_id is not None:
        told["report"] = str(erasure.report_id)
    if erasure.person is not None:
        told["calls"] = erasure.person.calls_found
    content = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": f"{_LEDGERS[scope]}:{name}", "digest": {"sha256": digest}}
            for name, digest in certified.ledger.items()
        ],
        "predicateType": _PREDICATES[scope],
        "predicate": {**told, **_told(certified), "remains": list(_REMAINS[scope])},
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _told(certified: Certified) -> dict[str, object]:
    """What the certificate of any erasure tells."""
    erasure, terms = certified.erasure, certified.erasure.terms
    is_whole, is_person = erasure.scope is Scope.WORKSPACE, erasure.scope is Scope.PERSON
    paid = {"payments_ended_at": _moment(erasure.payments_ended_at)} if is_whole else {}
    return {
        "workspace": certified.workspace_id,
        "erasure": str(erasure.id),
        "asked_by": "staff, for a mail" if erasure.by_staff else "an admin of the workspace",
        "asked_at": _moment(terms.asked_at),
        "zone": terms.zone,
        "deadline": _moment(terms.deadline),
        "started_at": _moment(erasure.started_at),
        **paid,
        "erased_at": _moment(erasure.erased_at),
        "completed_at": _moment(certified.completed_at),
        "in_time": certified.in_time,
        # Of a person's attempts the first is no search for what is left.
        "verifications": erasure.attempt - is_person,
        "services": [_part(one) for one in certified.parts],
    }


def digest_of(entry: bytes) -> str:
    """The SHA-256 of an entry in the ledger."""
    return sha256(entry).hexdigest()


def ledger_name(workspace_id: WorkspaceId, erasure: Erasure, attempt: int | None = None) -> str:
    """The name of a request's entry in the ledger; of a person's data each attempt has one, and names are in their order."""
    if erasure.person is not None:
        return f"{workspace_id}/{erasure.id}/{attempt or erasure.attempt:06}.json"
    return f"{workspace_id}/{erasure.id}.json"


def ledger_entry(workspace_id: WorkspaceId, erasure: Erasure) -> bytes:
    """A request's entry in the ledger: the same bytes whenever it is made. Of a person it has ids, and never the address."""
    report = {"report": str(erasure.report_id)} if erasure.report_id else {}
    content = {
        _KINDS[erasure.scope]: 1,
        "workspace": workspace_id,
        "erasure": str(erasure.id),
        **report,
        "asked_at": _moment(erasure.terms.asked_at),
        "take_back_until": _moment(erasure.terms.take_back_until),
        "zone": erasure.terms.zone,
        "deadline": _moment(erasure.terms.deadline),
        "by_staff": erasure.by_staff,
        **_attempt(erasure),
    }
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def read_entry(entry: bytes, is_holiday: IsHoliday) -> tuple[WorkspaceId, Erasure]:
    """The workspace and the request in an entry; of what its kind says. Raises InvalidInput for what is none.

    An entry without a kind that is known is refused: what was meant for a report or a person must never erase a workspace.
    """
    try:
        told = json.loads(entry)
        [scope] = [one for one, kind in _KINDS.items() if told.get(kind) is not None]
        if told[_KINDS[scope]] != 1:
            raise InvalidInput("an entry of the ledger is of a kind that is not known here")
        asked_at = datetime.fromisoformat(told["asked_at"])
        begun_at = datetime.fromisoformat(told["take_back_until"]) - TAKE_BACK
        terms = terms_of(asked_at, told["zone"], begun_at, is_holiday)
        deadline = datetime.fromisoformat(told["deadline"])
        person = _person(told, digest_of(entry)) if scope is Scope.PERSON else None
        found = Erasure(
            id=parse_uuid(told["erasure"]),
            state=State.ERASING,
            terms=replace(terms, deadline=deadline),
            by_staff=told["by_staff"] is True,
            report_id=parse_uuid(told["report"]) if scope is Scope.REPORT else None,
            person=person,
            attempt=person.told_attempt if person else 0,
        )
        return parse_workspace_id(told["workspace"]), found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"an entry of the ledger cannot be read ({type(error).__name__})") from error


def _attempt(erasure: Erasure) -> dict[str, object]:
    if erasure.person is None:
        return {}
    calls = [[call.provider, call.call_id] for call in erasure.person.calls]
    return {"attempt": erasure.attempt, "user_ids": list(erasure.person.user_ids), "calls": calls}


def _person(told: Mapping[str, Any], digest: str) -> Person:
    attempt = int(told["attempt"])
    if attempt < 1:
        raise ValueError(attempt)
    return Person(
        user_ids=tuple(str(parse_user_id(one)) for one in told["user_ids"]),
        calls=tuple(Call(str(provider), str(call_id)) for provider, call_id in told["calls"]),
        is_new=True,
        found_attempt=attempt,
        told_attempt=attempt,
        ledger={attempt: digest},
    )


def _part(part: Part) -> dict[str, object]:
    return {
        "service": part.service,
        "frozen_at": _moment(part.frozen_at),
        "erased_at": _moment(part.erased_at),
        "verified_at": _moment(part.verified_at),
        "rows": dict(sorted(part.rows.items())),
        "objects": part.objects,
        **({"providers": dict(sorted(part.providers.items()))} if part.providers else {}),
    }


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
