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
    ("services/retention/retention/federal.py", "is_federal_holiday"): "days of the calendar, the same for everybody",
    ("services/retention/retention/federal.py", "federal_holidays"): "the calendar itself",
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

CONTEXTS: Final[Register] = {
    ("services/audit/audit/streaming/sender.py", "claim.workspace_id"): "the row that the sender claimed",
    ("services/retention/retention/workers/readings.py", "due.workspace_id"): "the row that is due",
    ("services/retention/retention/workers/trials.py", "workspace_id"): "the row of the trial that is over",
    ("services/retention/retention/workers/requests.py", "due.workspace_id"): "the row of the request that is due",
    ("services/retention/retention/workers/requests.py", "one.workspace_id"): "the row of the request that takes long",
    (
        "services/retention/retention/workers/announcing.py",
        "workspace_id",
    ): "the row of the workspace that was not told",
    (
        "services/audit/audit/log/sealing.py",
        "workspace_id",
    ): "the row that the sealer found, for the line that tells of it",
    ("libs/web/web/access.py", "session.workspace_id"): "the checked session",
    ("libs/web/web/middleware.py", "workspace_id"): "the access line: what access.member noted of the session",
    ("libs/web/web/middleware.py", "''"): "a request begins with no workspace",
    ("libs/messaging/messaging/consumer.py", "group.workspace_id"): "the body of the messages of the group",
    ("libs/messaging/messaging/erasure/worker.py", "workspace_id"): "the row that the worker's sweep found due",
    (
        "services/ingest/ingest/webhooks/front.py",
        "workspace_id",
    ): "what a webhook is about, behind its sender's signature: Clerk's organisation, or whose customer, account or address it is",
    ("services/ingest/ingest/workers/loop.py", "claim.workspace_id"): "the claimed row",
    ("services/analysis/analysis/workers/pool.py", "claim.workspace_id"): "the claimed row",
    (
        "services/credential-vault/credential_vault/workers/renewals.py",
        "workspace_id",
    ): "the row that the worker's sweep found due",
    (
        "services/credential-vault/credential_vault/workers/checks.py",
        "due.workspace_id",
    ): "the row that the worker's sweep found due",
    (
        "services/credential-vault/credential_vault/workers/revocations.py",
        "due.workspace_id",
    ): "the row that the worker's sweep found due",
    (
        "services/credential-vault/credential_vault/workers/erasures.py",
        "workspace_id",
    ): "the row that the worker's sweep found due",
}

# These say where they come from wherever they stand.
SCOPE_SOURCES: Final = frozenset(
    {"session.workspace_id", "claim.workspace_id", "job.claim.workspace_id", "event.workspace_id", "due.workspace_id"}
)

ENTRIES: Final[Register] = {
    ("services/audit/audit/log/selection.py", "workspace_id"): "the session's",
    ("services/audit/audit/staff/desk.py", "workspace_id"): "the session's, or an argument of somebody of our staff",
    (
        "libs/runtime/runtime/staff.py",
        "visit.workspace_id",
    ): "an argument of somebody of our staff, of use with a grant for that workspace alone",
    ("services/audit/audit/log/cli.py", "parse_workspace_id(workspace)"): "an operator's argument",
    ("services/audit/audit/log/erasure.py", "workspace_id"): "passed by the command of an operator",
    ("services/audit/audit/log/export.py", "workspace_id"): "the session's, or an operator's argument",
    (
        "services/audit/audit/log/sealing.py",
        "workspace_id",
    ): "the row that the sealer's sweep found, whose leaves are then made in its own",
    ("services/audit/audit/handlers.py", "workspace_id"): "the consumer's group, from the messages' bodies",
    ("services/audit/audit/store/__init__.py", "scopes"): "the consumer's groups, from the messages' bodies",
    ("services/audit/audit/store/search.py", "list(told)"): "the consumer's groups, from the messages' bodies",
    ("libs/database/database/pool.py", "workspace_id"): "enter_with calls enter",
    ("libs/database/database/pool.py", "scope"): "enter_each calls enter",
    (
        "services/credential-vault/credential_vault/handlers/consenting.py",
        "who.workspace_id",
    ): "http/consents.py makes a Consenter of the checked session, and nothing else does",
    (
        "services/credential-vault/credential_vault/handlers/consenting.py",
        "workspace_id",
    ): "who.workspace_id, handed on",
    (
        "libs/runtime/runtime/api_keys.py",
        "workspace_id",
    ): "what an API key says of itself: one row is read there, and its digest decides whether anything else is",
    (
        "services/ingest/ingest/http/access.py",
        "workspace_id",
    ): "the same, in ingest's own rows",
    ("libs/runtime/runtime/idempotency.py", "workspace_id"): "web.idempotency passes session.workspace_id",
    ("libs/runtime/runtime/idempotency.py", "claim.workspace_id"): "a claim that was made in the session's workspace",
    (
        "services/ingest/ingest/handlers/api_keys.py",
        "admin.workspace_id",
    ): "http/access.py makes an Admin of the checked session, and nothing else does",
    (
        "services/ingest/ingest/handlers/api_keys.py",
        "workspace_id",
    ): "http/api_keys.py passes session.workspace_id",
    ("libs/messaging/messaging/store.py", "workspace_id"): "the consumer's group, from the messages' bodies",
    ("libs/messaging/messaging/erasure/worker.py", "workspace_id"): "the row that the worker's sweep found due",
    (
        "libs/messaging/messaging/erasure/eraser.py",
        "workspace_id",
    ): "passed by the worker, from the row that its sweep found due",
    (
        "services/audit/audit/log/parting.py",
        "workspace_id",
    ): "passed by the worker, from the row that its sweep found due",
    (
        "services/credential-vault/credential_vault/handlers/parting.py",
        "workspace_id",
    ): "passed by the worker, from the row that its sweep found due",
    ("libs/messaging/messaging/store.py", "list(heard)"): "the consumer's groups, from the messages' bodies",
    ("libs/messaging/messaging/consumer.py", "group.workspace_id"): "the consumer's group, from the messages' bodies",
    (
        "services/analysis/analysis/workers/calls.py",
        "workspace_id",
    ): "the key of a batch: the workspace of each of its claims",
    ("libs/cloud/cloud/names.py", "workspace_id"): "own_name checks a name against its argument's folder",
    ("libs/cloud/cloud/objects.py", "workspace_id"): "opens a folder for its argument",
    ("services/ingest/ingest/webhooks/front.py", "workspace_id"): "passed by webhooks.desk alone, after its checks",
    ("services/ingest/ingest/cli_gong.py", "workspace_id"): "an operator's argument",
    (
        "services/ingest/ingest/handlers/parting.py",
        "workspace_id",
    ): "the eraser's, from the row of the tombstone that it claimed",
    (
        "services/ingest/ingest/budget.py",
        "self.workspace_id",
    ): "the claimed row, from the job whose client this is",
    (
        "services/ingest/ingest/handlers/administering.py",
        "admin.workspace_id",
    ): "http/access.py makes an Admin of the checked session, and nothing else does",
    (
        "services/analysis/analysis/handlers/desk.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    (
        "services/analysis/analysis/handlers/schedules.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    (
        "services/analysis/analysis/handlers/deliveries.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    (
        "services/analysis/analysis/handlers/exports.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    (
        "services/analysis/analysis/handlers/live.py",
        "workspace_id",
    ): "each route passes session.workspace_id, also as the key of what is watched, by which the reader enters the scope",
    (
        "services/analysis/analysis/handlers/search.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    (
        "services/analysis/analysis/store/call_objects.py",
        "workspace_id",
    ): "passed by desk.transcript and by the worker from its claim",
    ("services/analysis/analysis/cli.py", "workspace_id"): "an operator's argument",
    (
        "services/credential-vault/credential_vault/cli_keys.py",
        "parse_workspace_id(workspace)",
    ): "an operator's argument",
    (
        "services/credential-vault/credential_vault/encryption/rewrapping.py",
        "workspace_id",
    ): "found by the sweep of data keys that are to be moved, each then moved in its own",
    (
        "services/credential-vault/credential_vault/encryption/shredding.py",
        "workspace_id",
    ): "found by the sweep of data keys that are to be destroyed again",
    (
        "services/credential-vault/credential_vault/encryption/starting.py",
        "workspace_id",
    ): "found by the sweep of data keys that are tried at the start",
    (
        "services/audit/audit/reader.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    (
        "services/audit/audit/streaming/setup.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    (
        "services/credential-vault/credential_vault/handlers/signing.py",
        "workspace_id",
    ): "use cases: each route passes session.workspace_id, which a test below checks",
    ("services/audit/audit/cli.py", "parse_workspace_id(workspace)"): "an operator's argument",
    ("services/retention/retention/cli.py", "parse_workspace_id(workspace)"): "an operator's argument",
    (
        "services/retention/retention/cli_plans.py",
        "workspace_id",
    ): "an operator's argument, or a row of the sweep over workspaces that have a customer",
    (
        "services/retention/retention/handlers/purchasing.py",
        "workspace_id",
    ): "use cases: the route passes session.workspace_id",
    (
        "services/retention/retention/handlers/purchasing.py",
        "buyer.workspace_id",
    ): "use cases: the route makes the buyer from its session",
    (
        "services/retention/retention/workers/readings.py",
        "due.workspace_id",
    ): "the row that the worker's sweep found due",
    (
        "services/retention/retention/workers/trials.py",
        "workspace_id",
    ): "the row that the worker's sweep found due",
    (
        "services/retention/retention/workers/announcing.py",
        "workspace_id",
    ): "the row that the worker's sweep found",
    (
        "libs/runtime/runtime/limits.py",
        "workspace_id",
    ): "web.limits passes that of a session, or of a key that was checked",
    **{
        (f"services/{path}.py", name): "the row that the worker's sweep found due, or slow"
        for path, name in (
            ("retention/retention/workers/requests", "due.workspace_id"),
            ("retention/retention/workers/requests", "one.workspace_id"),
            ("retention/retention/workers/requests", "workspace_id"),
            ("retention/retention/workers/erasures", "workspace_id"),
            ("retention/retention/workers/report_erasures", "workspace_id"),
            ("analysis/analysis/workers/report_erasures", "due.workspace_id"),
        )
    },
    (
        "services/retention/retention/http/report_erasure.py",
        "workspace_id",
    ): "session.workspace_id, passed within the routes",
    (
        "services/retention/retention/handlers/ending.py",
        "workspace_id",
    ): "the worker passes the row that its sweep found due",
    (
        "services/retention/retention/http/erasure.py",
        "workspace_id",
    ): "session.workspace_id, or what a link names whose signature was checked before anything is read",
    ("services/retention/retention/cli_erasures.py", "workspace_id"): "an operator's argument",
    (
        "services/analysis/analysis/handlers/report_erasing.py",
        "workspace_id",
    ): "an operator's argument, from the command",
    (
        "services/retention/retention/cli_erasures.py",
        "parse_workspace_id(workspace)",
    ): "an operator's argument",
    (
        "services/credential-vault/credential_vault/handlers/renewal_store.py",
        "attempt.workspace_id",
    ): "the claimed row",
    (
        "services/credential-vault/credential_vault/workers/erasures.py",
        "workspace_id",
    ): "the row that the worker's sweep found due",
}
