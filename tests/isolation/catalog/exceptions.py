"""What may differ from the rule, each with the reason. A test fails when an entry is no longer needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Exempt:
    """`service` is the one whose database has the object, or `*` for what every service has."""

    service: str
    subject: str
    what: str


NO_WORKSPACE = "has no workspace_id"
MAY_BE_NULL = "workspace_id may be null"
SWEPT = "is open to the sweep role"
NO_POLICY = "has no policy for the application role"

_TOOL = "the migration tool's own; the runtime roles have no right to it"

EXCEPTIONS: Mapping[Exempt, str] = {
    Exempt("*", "_yoyo_log", NO_WORKSPACE): _TOOL,
    Exempt("*", "_yoyo_migration", NO_WORKSPACE): _TOOL,
    Exempt("*", "_yoyo_version", NO_WORKSPACE): _TOOL,
    Exempt("*", "yoyo_lock", NO_WORKSPACE): _TOOL,
    Exempt("*", "relay_lease", NO_WORKSPACE): "one lease for the whole outbox",
    Exempt("*", "relay_lease", SWEPT): "the relay of the whole outbox holds it",
    Exempt("*", "outbox", SWEPT): "the relay publishes for every workspace",
    Exempt("*", "inbox", SWEPT): "upkeep of the whole inbox: what was heard long ago is forgotten",
    Exempt(
        "*", "idempotent_requests", SWEPT
    ): "answers that are too old to be asked for are forgotten in every workspace; the sweep sees no others, and of these only how old",
    Exempt(
        "*", "tombstones", SWEPT
    ): "nothing is kept of an erased workspace, whoever would; the sweep sees which are, and when to carry on",
    Exempt(
        "*", "person_erasures", SWEPT
    ): "the worker looks for erasures of people's data that are due in every workspace; each is then carried on in its own",
    Exempt(
        "*", "forgotten_people", SWEPT
    ): "marks that nothing can come for any more go in every workspace; the sweep sees no others, and of these only how old",
    Exempt("*", "parked", SWEPT): "operators look after the service, not after a workspace",
    Exempt("*", "parked", NO_POLICY): "only operators see the table; the application role has no right to it",
    Exempt(
        "*", "parked", MAY_BE_NULL
    ): "a message that cannot be read belongs to no workspace; only operators see the table",
    Exempt(
        "*", "parked", "unique index parked_pkey leaves workspace_id out"
    ): "operators name parked messages by one number; the application role has no right to the table",
    Exempt(
        "analysis", "default_plan", NO_WORKSPACE
    ): "what a workspace has until retention has spoken: one row for all",
    Exempt(
        "analysis", "run_calls", SWEPT
    ): "workers claim calls of every workspace; each is then read and written in its own",
    Exempt(
        "analysis", "syntheses", SWEPT
    ): "workers claim syntheses of every workspace; each is then read and written in its own",
    Exempt(
        "analysis", "schedules", SWEPT
    ): "the tick claims schedules of every workspace that are due; each is then read and fired in its own",
    Exempt(
        "analysis", "export_files", SWEPT
    ): "workers claim files of every workspace; each report is then read and written in its own",
    Exempt(
        "analysis", "model_requests", SWEPT
    ): "operators add up what models have cost, over all workspaces; the sweep sees numbers and names of models only",
    Exempt(
        "analysis", "notices", SWEPT
    ): "workers claim notices of every workspace; each is then read and written in its own",
    Exempt(
        "analysis", "deliveries", SWEPT
    ): "workers claim deliveries of every workspace; each is then read and written in its own",
    Exempt(
        "analysis", "channel_lists", SWEPT
    ): "workers claim lists of every workspace; each is then read and written in its own",
    Exempt(
        "analysis", "report_erasures", SWEPT
    ): "the worker looks for erasures of reports that are due in every workspace; each is then carried on in its own",
    Exempt(
        "credential-vault", "revocations", SWEPT
    ): "the worker finds what is due in every workspace; each revocation is then claimed and read in its own",
    Exempt(
        "credential-vault", "erasures", SWEPT
    ): "the worker finds erasures that are due; each is then carried on in its own workspace",
    Exempt(
        "credential-vault", "credentials", SWEPT
    ): "workers find credentials that are due for renewal or a check; each is then claimed and read in its own workspace",
    Exempt(
        "credential-vault", "oauth_states", SWEPT
    ): "consents that are over are forgotten in every workspace; the sweep sees no others, and of these only when they ended",
    Exempt("audit", "global_head", NO_WORKSPACE): "one public log over all workspaces; it holds commitments only",
    Exempt("audit", "global_tiles", NO_WORKSPACE): "hashes of the public log over all workspaces",
    Exempt(
        "audit", "log_arrivals", SWEPT
    ): "sealing takes what has arrived in every workspace, in one transaction; the sweep sees ids and hashes, no entry and no key",
    Exempt("audit", "log_heads", SWEPT): "sealing moves the heads of all logs that have grown, in one transaction",
    Exempt(
        "audit", "log_seals", SWEPT
    ): "sealing gives the entries of every workspace their positions; it adds, and reads none",
    Exempt("audit", "log_tiles", SWEPT): "sealing puts hashes at the end of the tiles of every log that has grown",
    Exempt(
        "audit", "log_anchors", SWEPT
    ): "one global log holds the checkpoints of all workspaces; the sweep adds, and reads none",
    Exempt(
        "audit", "staff_grants", SWEPT
    ): "sealing looks in which workspaces steps of staff access have no leaf yet; the sweep sees that and no more of them",
    Exempt("audit", "staff_decisions", SWEPT): "the same, of who agreed and who ended",
    Exempt("audit", "staff_reads", SWEPT): "the same, of what was read",
    Exempt(
        "audit", "streams", SWEPT
    ): "the sender claims streams of every workspace; where each leads, and what is sent, is then read in its own",
    Exempt("credential-vault", "backups", NO_WORKSPACE): "a backup is of all workspaces",
    Exempt("credential-vault", "backups", SWEPT): "operators note backups; the application role has no right to it",
    Exempt(
        "credential-vault", "data_keys", SWEPT
    ): "a rotation moves the data keys of every workspace, each in its own; no sweep reads a wrapped key",
    Exempt("ingest", "jobs", SWEPT): "workers claim jobs of every workspace; each is then read and written in its own",
    Exempt(
        "ingest", "integrations", SWEPT
    ): "a webhook names the provider's account: which workspaces have connected it, and no more of them, is looked up over all",
    Exempt(
        "ingest", "stripe_customers", SWEPT
    ): "a webhook of Stripe's names the customer: whose it is is looked up over all, what it says is heard in that one",
    Exempt(
        "ingest", "gong_rules", SWEPT
    ): "a webhook of Gong's comes to an address that does not say whose it is; its key is public",
    Exempt(
        "ingest", "listings", SWEPT
    ): "lists whose time is over are deleted in every workspace; the sweep sees no others, and of these only when they ended",
    Exempt(
        "ingest", "webhook_receipts", SWEPT
    ): "receipts that are too old to matter are forgotten in every workspace; the sweep sees no others, and of these only when they came",
    Exempt(
        "ingest", "noticed_calls", SWEPT
    ): "calls noticed long ago are forgotten in every workspace; the sweep sees no others, and of these only when they were",
    Exempt(
        "ingest", "person_searches", SWEPT
    ): "the worker looks for searches that are due in every workspace; each is then carried on in its own",
    Exempt("ingest", "workspaces", SWEPT): "the command line lists workspaces for operators",
    Exempt(
        "retention", "readings", SWEPT
    ): "workers look for what is to be read at Stripe over all workspaces; each is then claimed and settled in its own",
    Exempt(
        "retention", "subscriptions", SWEPT
    ): "trials whose time is over are looked for in every workspace; the sweep sees trials alone, and each is ended in its own",
    Exempt(
        "retention", "workspaces", SWEPT
    ): "workspaces that were not told of a new sub-processor are looked for over all; the sweep sees their ids alone",
    Exempt(
        "retention", "sub_processor_announcements", SWEPT
    ): "which workspaces were told of a new sub-processor is looked at over all; each is then told in its own",
    Exempt(
        "retention", "billing_accounts", SWEPT
    ): "operators have all customers read again; the sweep sees which workspaces have one, and nothing of it",
    Exempt(
        "retention", "erasures", SWEPT
    ): "the worker looks for what is due in every workspace, staff lists requests and the trust page counts them: states and times only",
    Exempt("retention", "report_erasures", SWEPT): "the same of single reports, by their ids",
    Exempt("retention", "person_requests", SWEPT): "the same of people's data, by the requests' ids; nobody is named",
}

# Extensions bring functions of their own; these are known to be harmless.
EXTENSIONS: Mapping[str, str] = {"plpgsql": "comes with PostgreSQL; migrations use it"}

# Functions that may run as triggers: they look, and refuse; none writes.
TRIGGERS: Mapping[str, str] = {
    "refuse_erased()": "lets nothing be added for a workspace that is erased",
    "refuse_erased_row()": "the same for each row, whoever adds it",
    "refuse_erased_report()": "lets nothing be added for a report that is erased, or for its run",
    "refuse_erased_call()": "lets no call come into a run that is erased with a person's data",
    "refuse_gone_call()": "lets nothing be added for a call that is erased",
    "refuse_gone_calls()": "the same for a page of calls",
    "refuse_not_analysed()": "lets nothing be metered that was not analysed in the same workspace",
}
