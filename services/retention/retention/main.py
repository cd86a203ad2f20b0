"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cloud.ledger import PEOPLE, REPORTS, WORKSPACES, GoogleLedger
from cloud.secrets import GoogleSecrets
from core.clock import SystemClock
from egress import REGISTER
from messaging.erasure import Eraser
from messaging.erasure import Erasing as OwnRows
from retention.catalogue import read_plans, read_promises, read_tariff
from retention.certificates.links import Links
from retention.certificates.signing import CertificateKeys
from retention.domain.billing import Tariff
from retention.domain.plans import Catalogue
from retention.events import (
    ErasureTelling,
    PersonErasureTelling,
    ReportErasureTelling,
    Telling,
    payments,
    person_receipts,
    receipts,
    report_receipts,
    routes,
)
from retention.evidence import EvidenceKey, Shelf
from retention.federal import federal_holidays, is_federal_holiday
from retention.handlers import Plans
from retention.handlers.ending import Payments
from retention.handlers.erasing import Erasing
from retention.handlers.person_erasing import PersonErasing
from retention.handlers.purchasing import Purchasing
from retention.handlers.report_erasing import ReportErasing
from retention.handlers.settling import Settling
from retention.http import router
from retention.http.billing import BillingRoutes
from retention.http.erasure import ErasureRoutes
from retention.http.person_erasure import PersonErasureRoutes
from retention.http.report_erasure import ReportErasureRoutes
from retention.settings import Settings
from retention.stripe.client import Stripe, load_stripe
from retention.stripe.place import destination
from retention.workers.announcing import Announcing
from retention.workers.erasures import ErasureWorker
from retention.workers.person_erasures import PersonErasureWorker
from retention.workers.readings import Reader
from retention.workers.report_erasures import ReportErasureWorker
from retention.workers.trials import Trials
from runtime import Assembly, assembled, endpoint, secrets_for
from runtime.rounds import Rounds
from web import Pages, ServiceSettings

SERVICE = "retention"

# A sub-processor is listed with a release, 30 days before it counts: nobody waits for this.
_LOOK_SECONDS = 60.0


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    catalogue, tariff = read_plans(settings.plans_file), read_tariff(settings.plans_file)
    shelf = Shelf(settings.evidence_file, tuple(EvidenceKey.parse(text) for text in settings.evidence_keys))
    async with assembled(SERVICE, settings) as parts:
        parts.consume("workspaces", routes(Plans(catalogue), parts.outbox))
        announcing = Rounds([Announcing(parts.db, parts.outbox, REGISTER, SystemClock())], SystemClock(), _LOOK_SECONDS)
        parts.work(announcing.run)
        secrets = secrets_of(parts, settings)
        egress = parts.outbound.egress([destination(settings.stripe_base_url)])
        stripe = Stripe(egress, settings.stripe_base_url, secrets)
        purchasing = _billing(parts, settings, catalogue, tariff, stripe) if tariff else None
        billing = BillingRoutes(Pages(SERVICE), parts.db, catalogue, tariff, purchasing)
        erasure = _erasure(parts, settings, secrets, stripe)
        scopes = (erasure, _report_erasure(parts, settings, secrets), _person_erasure(parts, settings, secrets))
        parts.load_later(federal_holidays, load_stripe)
        parts.serve(router(billing, scopes, parts.db, read_promises(), shelf))
        yield parts


def secrets_of(parts: Assembly, settings: ServiceSettings) -> GoogleSecrets:
    """Where secrets are read from, closed with the service."""
    secrets = secrets_for(settings)
    parts.stack.push_async_callback(secrets.close)
    return secrets


def own_rows(parts: Assembly) -> OwnRows:
    """What erases retention's own rows, as the other services' are erased; it asks for that itself, and tells nobody."""
    return OwnRows(SERVICE, parts.db, None, Eraser(parts.db))


def ledger_of(parts: Assembly, settings: Settings, folder: str = WORKSPACES) -> GoogleLedger:
    """The ledger of erasures, of workspaces, of reports or of people's data, closed with the service."""
    place = endpoint(settings, settings.storage_endpoint)
    ledger = GoogleLedger(bucket=settings.ledger_bucket or settings.bucket, endpoint=place, folder=folder)
    parts.stack.push_async_callback(ledger.close)
    return ledger


def _billing(parts: Assembly, settings: Settings, catalogue: Catalogue, tariff: Tariff, stripe: Stripe) -> Purchasing:
    """What is sold: the workers, and what Stripe's news lead to."""
    tell = Telling(parts.outbox)
    reader = Reader(parts.db, stripe, Settling(tariff, catalogue, tell))
    rounds = Rounds([reader, Trials(parts.db, tariff, catalogue, tell)], SystemClock())
    parts.consume("billing", payments(rounds.wake))
    parts.work(rounds.run)
    return Purchasing(parts.db, stripe, tariff, settings.public_url, rounds.wake)


def _erasure(parts: Assembly, settings: Settings, secrets: GoogleSecrets, stripe: Stripe) -> ErasureRoutes:
    """Requests for erasure: the worker, what the services report, and what people see of it."""
    ledger = ledger_of(parts, settings)
    erasing, keys = Erasing(ErasureTelling(parts.outbox), is_federal_holiday), CertificateKeys(secrets)
    worker = ErasureWorker(parts.db, erasing, ledger, keys, Payments(parts.db, stripe), own_rows(parts))
    rounds = Rounds([worker], SystemClock())
    parts.consume("erasure-receipts", receipts(erasing, rounds.wake))
    parts.work(rounds.run)
    return ErasureRoutes(Pages(SERVICE), parts.db, erasing, Links(secrets), keys)


def _report_erasure(parts: Assembly, settings: Settings, secrets: GoogleSecrets) -> ReportErasureRoutes:
    """The same of single reports."""
    erasing, keys = ReportErasing(ReportErasureTelling(parts.outbox), is_federal_holiday), CertificateKeys(secrets)
    rounds = Rounds([ReportErasureWorker(parts.db, erasing, ledger_of(parts, settings, REPORTS), keys)], SystemClock())
    parts.consume("report-erasure-receipts", report_receipts(erasing, rounds.wake))
    parts.work(rounds.run)
    return ReportErasureRoutes(Pages(SERVICE), parts.db, erasing)


def _person_erasure(parts: Assembly, settings: Settings, secrets: GoogleSecrets) -> PersonErasureRoutes:
    """The same of people's data."""
    erasing, keys = PersonErasing(PersonErasureTelling(parts.outbox), is_federal_holiday), CertificateKeys(secrets)
    ledger, own = ledger_of(parts, settings, PEOPLE), parts.erase_people()
    rounds = Rounds([PersonErasureWorker(parts.db, erasing, ledger, keys, own)], SystemClock())
    parts.consume("person-erasure-receipts", person_receipts(erasing, rounds.wake))
    parts.work(rounds.run)
    return PersonErasureRoutes(Pages(SERVICE), parts.db, erasing)
