"""For whom a task works and where a scope comes from, by file and name, and why that is in order. As `register`, whose other half it is."""

from __future__ import annotations

from typing import Final

from isolation.elsewhere.register import Register

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
    **{
        (f"{path}.py", name): "the row that the worker's sweep found due; in retention that of its own request"
        for path, name in (
            ("libs/messaging/messaging/erasure/people/worker", "one.workspace_id"),
            ("libs/messaging/messaging/erasure/people/worker", "workspace_id"),
            ("libs/messaging/messaging/erasure/people/eraser", "workspace_id"),
            ("services/analysis/analysis/handlers/person_erasing", "workspace_id"),
            ("services/audit/audit/log/people", "workspace_id"),
            ("services/ingest/ingest/handlers/person_parting", "workspace_id"),
            ("services/ingest/ingest/workers/person_searches", "workspace_id"),
            ("services/ingest/ingest/workers/person_searches", "hold.one.workspace_id"),
        )
    },
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
            ("retention/retention/workers/person_erasures", "workspace_id"),
            ("analysis/analysis/workers/report_erasures", "due.workspace_id"),
        )
    },
    (
        "services/retention/retention/http/report_erasure.py",
        "workspace_id",
    ): "session.workspace_id, passed within the routes",
    (
        "services/retention/retention/http/person_erasure.py",
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
