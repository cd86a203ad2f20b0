"""Background work: the fetch jobs. Handlers write job rows; workers claim them and talk to Gong, never inside a transaction."""

from ingest.workers.deals import Deals, HubSpotDoor
from ingest.workers.ending import JobEnds
from ingest.workers.fetch import FetchTerms, RunFetch
from ingest.workers.loop import FetchWorker, GongDoor, WorkerSettings, Works
from ingest.workers.preview import PreviewFetch, forget_lists
from ingest.workers.upkeep import forget_webhooks, keep_secrets

__all__ = [
    "Deals",
    "FetchTerms",
    "FetchWorker",
    "GongDoor",
    "HubSpotDoor",
    "JobEnds",
    "PreviewFetch",
    "RunFetch",
    "WorkerSettings",
    "Works",
    "forget_lists",
    "forget_webhooks",
    "keep_secrets",
]
