"""What the rules find and why it is in order, by file and name. An entry that nothing matches any more fails the test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Register = Mapping[tuple[str, str], str]

MEMORY: Final[Register] = {
    **{
        ("services/retention/retention/domain/erasures.py", f"{kind}.{name}"): "one service's report, as long as a step"
        for kind in ("Part", "Receipt")
        for name in ("rows", "left", "providers")
    },
    ("services/retention/retention/domain/erasures.py", "Person.ledger"): "digests of one request, as long as a step",
    ("services/retention/retention/domain/people.py", "Answer.rows"): "one service's answer, as long as a step",
    ("services/retention/retention/federal.py", "is_federal_holiday"): "days of the calendar, the same for everybody",
    ("services/retention/retention/federal.py", "federal_holidays"): "the calendar itself",
    ("services/analysis/analysis/domain/search.py", "_marks"): "signs of Unicode, the same for everybody",
    ("services/analysis/analysis/domain/search.py", "word_pattern"): "what a word is, the same for everybody",
    ("services/analysis/analysis/models/masking.py", "load_phones"): "how numbers are written, the same for everybody",
    ("services/retention/retention/certificates/print.py", "fonts"): "the fonts of typst, the same for everybody",
    (
        "services/audit/audit/log/selection.py",
        "_Part._gaps",
    ): "some positions of one export, gone once they are written",
    ("services/audit/audit/log/keys.py", "Salts._kept"): "by workspace; keys of one are never looked up for another",
    (
        "services/audit/audit/log/sealing.py",
        "Sealer._broken",
    ): "ids of workspaces whose log is left alone; nothing of theirs",
    ("services/audit/audit/verify/callmine_verify.py", "Tree._edge"): "one export, on the customer's machine",
    ("services/audit/audit/verify/callmine_verify.py", "Claims._claimed"): "one export, on the customer's machine",
    ("services/audit/audit/verify/callmine_verify.py", "Claims.recorded"): "one export, on the customer's machine",
    ("services/audit/audit/verify/callmine_verify.py", "Claims.steps"): "one export, on the customer's machine",
    # Functions of their argument alone: what is kept for one caller is what any other would compute.
    ("libs/core/core/ids.py", "parse_workspace_id"): "a function of the text: the same text, if it is a workspace's id",
    (
        "libs/contracts/contracts/envelope.py",
        "_known_actor",
    ): "a function of the four values that are its key; each comes from the event",
    ("libs/web/web/pages.py", "page_environment"): "templates of a package, without values",
    ("libs/database/database/queries.py", "_parsed"): "statements of files, without values",
    ("libs/cloud/cloud/engine.py", "keep_engine"): "a channel that never connects: nothing is sent on it",
    # By workspace: the key begins with it, or the value names it.
    (
        "services/credential-vault/credential_vault/encryption/keyring.py",
        "Keyring._unwrapped",
    ): "by wrapped data key, which opens for one workspace only; that is kept beside it and compared at each use",
    (
        "services/credential-vault/credential_vault/workers/renewals.py",
        "Renewer._under_way",
    ): "tasks by workspace and provider",
    (
        "libs/runtime/runtime/rounds.py",
        "Rounds._woken",
    ): "hints by kind of work; nothing of any workspace",
    ("libs/messaging/messaging/consumer.py", "Consumer._failures"): "counts by workspace and event id",
    ("libs/messaging/messaging/outbox.py", "Outbox._buffers"): "by transaction, which is one scope; gone with it",
    # One transaction, one request, one batch or one page: gone with it.
    ("libs/database/database/pool.py", "Batch._callbacks"): "wake-up calls without arguments, of one transaction",
    ("libs/database/database/transaction.py", "Tx._before_commit"): "of one transaction in one scope",
    ("libs/database/database/transaction.py", "Tx._after_commit"): "of one transaction in one scope",
    ("libs/messaging/messaging/relay.py", "_Outcome.published"): "row numbers of one round of the relay",
    ("libs/messaging/messaging/relay.py", "_Outcome.failed"): "rows of one round of the relay, each judged by itself",
    ("libs/messaging/messaging/relay.py", "_Outcome.hopeless"): "row numbers of one round of the relay",
    ("libs/messaging/messaging/push.py", "_PushMessage.attributes"): "a default that pydantic copies; of one request",
    ("libs/egress/egress/attempts.py", "Progress.parts"): "one answer",
    ("libs/web/web/api_keys.py", "MissingScope.members"): "one answer",
    ("libs/web/web/limits.py", "TooManyRequests.members"): "one answer",
    ("libs/web/web/limits.py", "RequestLimits._held"): "counts, by workspace and whose limit it is",
    (
        "libs/web/web/limits.py",
        "RequestLimits._refused",
    ): "counts, by the digest of a key that was checked in its workspace",
    (
        "libs/web/web/limits.py",
        "RequestLimits._asking",
    ): "locks, which keep nothing: two workspaces may wait for the same one",
    ("libs/web/web/problems.py", "Problem.headers"): "one answer",
    ("libs/web/web/problems.py", "Problem.extra"): "one answer",
    ("services/ingest/ingest/gong/models.py", "ErrorAnswer.errors"): "one answer of Gong",
    ("services/ingest/ingest/hubspot/lookup.py", "_Known.contacts"): "one job's answers of HubSpot, gone with the job",
    ("services/ingest/ingest/hubspot/lookup.py", "_Known.domains"): "one job's answers of HubSpot, gone with the job",
    (
        "services/ingest/ingest/hubspot/lookup.py",
        "_Known.deals_of_contact",
    ): "one job's answers of HubSpot, gone with the job",
    (
        "services/ingest/ingest/hubspot/lookup.py",
        "_Known.deals_of_company",
    ): "one job's answers of HubSpot, gone with the job",
    ("services/ingest/ingest/hubspot/lookup.py", "_Known.deals"): "one job's answers of HubSpot, gone with the job",
    ("services/ingest/ingest/hubspot/lookup.py", "_Known.companies"): "one job's answers of HubSpot, gone with the job",
    (
        "services/ingest/ingest/hubspot/lookup.py",
        "DealLookup.denied",
    ): "one job's answers of HubSpot, gone with the job",
    ("services/ingest/ingest/hubspot/models.py", "PipelineData.stages"): "one answer of HubSpot",
    ("services/analysis/analysis/domain/plan.py", "RunTooLarge.members"): "one answer",
    (
        "services/analysis/analysis/workers/places.py",
        "Places._taken",
    ): "how many questions each workspace has under way: decides who is next, holds nothing of any",
    (
        "services/analysis/analysis/workers/places.py",
        "Places._waiting",
    ): "by workspace: who waits for a place",
    (
        "services/analysis/analysis/workers/batches.py",
        "Batches._lines",
    ): "by workspace, or by workspace and run: each key's items are worked on in its own scope",
    (
        "services/analysis/analysis/handlers/live.py",
        "LiveRuns._topics",
    ): "by workspace and run: the state of a run that somebody watches, read in the workspace's scope; gone with the last one",
    (
        "services/analysis/analysis/handlers/live.py",
        "LiveRuns._persons",
    ): "by workspace and person: how many streams are open",
    ("services/analysis/analysis/handlers/live.py", "LiveRuns._workspaces"): "by workspace: how many streams are open",
    ("services/analysis/analysis/store/calls.py", "Turns.held"): "counts by workspace and run, of one claim",
    ("services/analysis/analysis/exporting/word.py", "_Writer._marks"): "one file's, in a process that makes no other",
    (
        "services/analysis/analysis/exporting/word_bars.py",
        "Bars._patterns",
    ): "one file's, in a process that makes no other",
    ("services/analysis/analysis/models/masking.py", "Mask._placeholders"): "one question's, gone with its answer",
    ("services/analysis/analysis/models/masking.py", "Mask._originals"): "one question's, gone with its answer",
    ("services/analysis/analysis/models/masking.py", "Mask._counts"): "one question's, gone with its answer",
    ("services/analysis/analysis/models/masking.py", "Mask._fruitless"): "one question's, gone with its answer",
    ("services/analysis/analysis/models/port.py", "Prompt.masked"): "counts of one question",
    (
        "services/analysis/analysis/models/asking.py",
        "Conversation.requests",
    ): "the requests about one call or one summary, gone once they are stored",
    ("services/ingest/ingest/domain/choice.py", "Choice._kept"): "the calls of one run; gone with its listing",
    ("services/ingest/ingest/gong/paging.py", "Paging._cursors"): "one list of one job",
    ("services/ingest/ingest/domain/listing.py", "Listing._kept"): "the list that one preview reads; gone with it",
    ("services/ingest/ingest/workers/listing.py", "Tally._seen"): "one count of one job",
    ("services/ingest/ingest/workers/loading.py", "Loaded.kept"): "one batch of one run",
    ("services/ingest/ingest/workers/loading.py", "Loaded.left_out"): "one batch of one run",
    ("services/ingest/ingest/workers/loading.py", "Loaded.deferred"): "one batch of one run",
    ("services/ingest/ingest/workers/loading.py", "Loaded.too_long"): "one batch of one run",
    # Deliveries on their way: in memory side by side, grouped by workspace before anything is done with them.
    (
        "libs/messaging/messaging/push.py",
        "_Line._waiting",
    ): "deliveries that came at one time; the consumer groups them by workspace",
    (
        "libs/messaging/messaging/google/subscriber.py",
        "PullSubscriber._arrived",
    ): "deliveries; the consumer groups them by workspace",
    (
        "libs/messaging/messaging/google/subscriber.py",
        "PullSubscriber._outstanding",
    ): "the broker's own acknowledgement ids",
    # Of the service, the same for every workspace.
    ("services/analysis/analysis/models/offer.py", "Offer._cards"): "the models on offer, from a file",
    ("services/analysis/analysis/models/asking.py", "Asker._circuits"): "by provider: whether it is asked now",
    ("services/analysis/analysis/models/asking.py", "Asker._holds"): "by model: until when its provider asked to wait",
    ("libs/database/database/queries.py", "Queries._statements"): "statements by name, from files",
    ("libs/database/database/queries.py", "Queries._blocks"): "their text as it stands in the files",
    ("libs/runtime/runtime/assembly.py", "Assembly._consumers"): "filled once in a composition root",
    ("libs/runtime/runtime/assembly.py", "Assembly._pulls"): "filled once in a composition root",
    ("libs/runtime/runtime/assembly.py", "Assembly._routers"): "filled once in a composition root",
    ("libs/runtime/runtime/assembly.py", "Assembly._operators"): "filled once in a composition root",
    ("libs/runtime/runtime/assembly.py", "Assembly._works"): "filled once in a composition root",
    ("libs/runtime/runtime/assembly.py", "Assembly._later"): "filled once in a composition root",
    ("libs/runtime/runtime/outbound.py", "Outbound._clients"): "filled once in a composition root",
    ("libs/messaging/messaging/routes.py", "Routes._handlers"): "handlers by message type, filled once",
    ("libs/messaging/messaging/routes.py", "Routes._batch_handlers"): "handlers by message type, filled once",
    ("libs/messaging/messaging/routes.py", "Routes._once_handlers"): "handlers by message type, filled once",
    ("libs/web/web/assets.py", "Assets._assets"): "style sheets and scripts, the same for everybody",
    (
        "libs/web/web/keys.py",
        "SigningKeys._keys",
    ): "the issuer's public keys; a session's workspace is signed with them, not chosen by them",
    ("libs/messaging/messaging/oidc.py", "_Keys._keys"): "Google's public keys",
    (
        "libs/cloud/cloud/secrets.py",
        "GoogleSecrets._kept",
    ): "secrets of the service; a workspace's credentials are never in Secret Manager",
    **{
        ("services/analysis/analysis/domain/report_erasing.py", f"Answer.{name}"): "one answer's numbers, gone with it"
        for name in ("rows", "left")
    },
    ("libs/contracts/contracts/erasing.py", "Receipt.rows"): "one receipt's numbers, gone with it",
    ("libs/contracts/contracts/erasing.py", "Receipt.left"): "one receipt's numbers, gone with it",
    ("libs/contracts/contracts/erasing.py", "Receipt.providers"): "one receipt's words, gone with it",
    ("libs/contracts/contracts/person_erasing.py", "PersonAnswer.rows"): "one answer's numbers, gone with it",
    ("libs/egress/egress/destination.py", "Destinations._by_name"): "destinations, from configuration",
    (
        "libs/egress/egress/register.py",
        "Register._by_name",
    ): "the register of who data may go to, the same for everybody",
    ("libs/egress/egress/register.py", "Register.data_classes"): "words for classes of data, the same for everybody",
    ("libs/core/core/faultpoints.py", "_trap"): "set by tests only",
    ("libs/database/database/capture.py", "_ledger"): "set by tests only",
    ("libs/database/database/capture.py", "Capture._named"): "statements without their values, for tests only",
    ("libs/database/database/capture.py", "_Ledger._lines"): "statements without their values, for tests only",
    # The context says for whom the task works; who may set it is a rule of its own below.
    (
        "libs/core/core/context.py",
        "_current",
    ): "a context variable: each task has its own, and working_for puts it back",
    # Numbers that all workspaces share. They can delay, never tell: see docs/isolation.md, "What cannot be hidden".
    ("libs/core/core/ids.py", "_last"): "the clock's last tick, so that ids rise",
    ("libs/web/web/health.py", "LoopLag._samples"): "milliseconds",
    ("libs/telemetry/telemetry/installed.py", "_recorder"): "who records, the same for everybody",
    ("libs/telemetry/telemetry/installed.py", "_early"): "who records until then, the same for everybody",
    (
        "libs/telemetry/telemetry/installed.py",
        "Early._kept",
    ): "numbers with labels of ours, until the recorder is there, which adds them up",
    (
        "libs/telemetry/telemetry/recording.py",
        "_Waiting.spans",
    ): "finished spans on their way out, which nobody who is served can read; each says whose work it was",
    ("libs/egress/egress/metrics.py", "Ledger._counters"): "counts by destination; no label but the destination's name",
    (
        "services/ingest/ingest/webhooks/tally.py",
        "Tally._counts",
    ): "counts by sender and outcome or reason, of all workspaces together",
    (
        "services/analysis/analysis/models/limits.py",
        "RetryBudgets._known",
    ): "by workspace, run and provider: how many requests may still be repeated",
    (
        "libs/egress/egress/retry.py",
        "RetryBudgets._known",
    ): "by host: how many retries a provider's server may still have",
    (
        "libs/messaging/messaging/breaker.py",
        "Breaker._parked",
    ): "whether each of the last messages was parked, not whose it was",
}

NAMES: Final[Register] = {
    (
        "services/audit/audit/log/sealing.py",
        "workspaces/",
    ): "the name of the workspace's log, signed with its checkpoints; no object",
    ("services/audit/audit/verify/callmine_verify.py", "workspaces/"): "compares that name with the export's workspace",
    ("libs/cloud/cloud/names.py", "workspaces/"): "the one place that spells a workspace's folder",
    ("libs/core/core/ids.py", "org_"): "what a workspace's id looks like, and what points into another workspace",
    ("libs/web/web/api_keys.py", "org_"): "what stands before an organisation's id, which a key leaves out",
    ("libs/web/web/session.py", "org_"): "names of Clerk's claims: org_id, org_slug, org_role",
    ("libs/contracts/contracts/envelope.py", "ce-workspaceid"): "the one place that writes and compares the attribute",
}
