"""What a certificate states: an in-toto statement (https://in-toto.io/Statement/v1) on one erasure, in ids, counts and times."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_uuid, parse_workspace_id
from retention.domain.business_days import IsHoliday
from retention.domain.erasures import TAKE_BACK, Erasure, Part, State, terms_of
from retention.evidence import STATEMENT_TYPE

PREDICATE_TYPE = "https://callmine.ai/erasure/certificate/v1"
# Of its own: whoever knows the other one only would read of a whole workspace.
REPORT_PREDICATE_TYPE = "https://callmine.ai/erasure/report-certificate/v1"

SENTENCE = (
    "All reports, transcripts and workspace data of this workspace were permanently deleted. Each service that keeps something erased what "
    "its rules name, and then looked for what is left: the last search of all of them found nothing."
)

REPORT_SENTENCE = (
    "This report was permanently deleted: its document, its findings and quotes, the analysis of each of its calls, its run with the "
    "question, and its files. A search for what is left found nothing."
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


@dataclass(frozen=True, slots=True)
class Certified:
    """What is certified: the request, the reports of all services, when it was done, and the entry in the ledger."""

    workspace_id: WorkspaceId
    erasure: Erasure
    parts: Sequence[Part]
    completed_at: datetime
    ledger_entry: bytes

    @property
    def in_time(self) -> bool:
        """Whether what is promised was kept."""
        return self.completed_at <= self.erasure.terms.deadline


def statement(certified: Certified) -> bytes:
    """The statement, as it is signed. Its subject is the entry in the ledger, by its digest."""
    erasure, of_report = certified.erasure, certified.erasure.report_id is not None
    scope: dict[str, object] = {"sentence": SENTENCE, "scope": "workspace"}
    if of_report:
        scope = {"sentence": REPORT_SENTENCE, "scope": "report", "report": str(erasure.report_id)}
    ledger = "report ledger" if of_report else "ledger"
    content = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {
                "name": f"{ledger}:{ledger_name(certified.workspace_id, erasure)}",
                "digest": {"sha256": sha256(certified.ledger_entry).hexdigest()},
            }
        ],
        "predicateType": REPORT_PREDICATE_TYPE if of_report else PREDICATE_TYPE,
        "predicate": {**scope, **_told(certified), "remains": list(REPORT_REMAINS if of_report else REMAINS)},
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _told(certified: Certified) -> dict[str, object]:
    """What the certificate of any erasure tells."""
    erasure, terms = certified.erasure, certified.erasure.terms
    paid = {} if erasure.report_id else {"payments_ended_at": _moment(erasure.payments_ended_at)}
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
        "verifications": erasure.attempt,
        "services": [_part(one) for one in certified.parts],
    }


def ledger_name(workspace_id: WorkspaceId, erasure: Erasure) -> str:
    """The name of a request's entry in the ledger."""
    return f"{workspace_id}/{erasure.id}.json"


def ledger_entry(workspace_id: WorkspaceId, erasure: Erasure) -> bytes:
    """A request's entry in the ledger: the same bytes whenever it is made."""
    kind = {"callmine_report_erasure": 1} if erasure.report_id else {"callmine_erasure": 1}
    report = {"report": str(erasure.report_id)} if erasure.report_id else {}
    content = {
        **kind,
        "workspace": workspace_id,
        "erasure": str(erasure.id),
        **report,
        "asked_at": _moment(erasure.terms.asked_at),
        "take_back_until": _moment(erasure.terms.take_back_until),
        "zone": erasure.terms.zone,
        "deadline": _moment(erasure.terms.deadline),
        "by_staff": erasure.by_staff,
    }
    return json.dumps(content, separators=(",", ":")).encode() + b"\n"


def read_entry(entry: bytes, is_holiday: IsHoliday) -> tuple[WorkspaceId, Erasure]:
    """The workspace and the request in an entry; of one report where its kind says so. Raises InvalidInput for what is none.

    An entry without a kind that is known is refused: what was meant for a report must never erase a workspace.
    """
    try:
        told = json.loads(entry)
        if (told.get("callmine_erasure"), told.get("callmine_report_erasure")) not in {(1, None), (None, 1)}:
            raise InvalidInput("an entry of the ledger is of a kind that is not known here")
        asked_at = datetime.fromisoformat(told["asked_at"])
        begun_at = datetime.fromisoformat(told["take_back_until"]) - TAKE_BACK
        terms = terms_of(asked_at, told["zone"], begun_at, is_holiday)
        deadline = datetime.fromisoformat(told["deadline"])
        found = Erasure(
            id=parse_uuid(told["erasure"]),
            state=State.ERASING,
            terms=replace(terms, deadline=deadline),
            by_staff=told["by_staff"] is True,
            report_id=parse_uuid(told["report"]) if "callmine_report_erasure" in told else None,
        )
        return parse_workspace_id(told["workspace"]), found
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"an entry of the ledger cannot be read ({type(error).__name__})") from error


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
