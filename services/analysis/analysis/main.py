"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from analysis.domain.search import word_pattern
from analysis.exporting.links import Links
from analysis.exporting.press import ProcessPress
from analysis.handlers.deliveries import Deliveries
from analysis.handlers.desk import Desk
from analysis.handlers.exports import Exports
from analysis.handlers.lifecycle import Lifecycle
from analysis.handlers.live import LiveRuns
from analysis.handlers.messages import MessageHandlers
from analysis.handlers.notices import Notices
from analysis.handlers.person_erasing import PersonRuns
from analysis.handlers.report_erasing import ReportErasing
from analysis.handlers.report_orders import ReportOrders
from analysis.handlers.schedules import Schedules
from analysis.http import routers
from analysis.models.asking import Asker
from analysis.models.masking import load_phones
from analysis.models.offer import read_offer
from analysis.models.providers import Providers, models_when_asked
from analysis.settings import Settings
from analysis.slack.client import Slack, destination
from analysis.slack.credential import Door
from analysis.store import plans
from analysis.store.erasing import show_everything
from analysis.workers import Workers
from analysis.workers.deliveries import Posters
from analysis.workers.exports import ExportWork, Printers
from analysis.workers.notices import NoticeWork
from analysis.workers.pool import PoolSettings, WorkPool
from analysis.workers.report_erasures import ReportErasureWorker
from analysis.workers.schedules import ScheduleWork
from cloud.objects import GoogleObjects
from contracts.sealing import SealingKeys
from core.clock import SystemClock
from runtime import Assembly, assembled, endpoint, secrets_for
from runtime.rounds import Rounds

SERVICE = "analysis"

# Notices are rare, and no page waits for one; a file takes a process of its own.
_FEW_AT_ONCE = 2
# A firing takes milliseconds, but many are due at the same minute.
_FIRINGS_AT_ONCE = 4

# What the row policies of previews, runs and reports read; set with each scope.
ENTERING = ("report_floor_enter",)


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    offer = read_offer(settings.models_file)
    offer.check_plan(settings.plan_by_default())
    async with assembled(SERVICE, settings, entering=ENTERING) as parts:
        async with parts.db.sweep() as tx:
            await plans.set_default_plan(tx, settings.plan_by_default())
        secrets = secrets_for(settings)
        parts.stack.push_async_callback(secrets.close)
        objects = objects_of(parts, settings)
        providers = Providers(settings.openai_base_url, settings.anthropic_base_url, settings.model_timeout)
        egress = parts.outbound.egress((*providers.destinations(), destination(settings.slack_base_url)))

        asker = Asker(offer, models_when_asked(providers, offer, egress, secrets, parts.stack))
        pool = PoolSettings(settings.analysis_concurrency, settings.lease_seconds, settings.poll_seconds)
        workers = Workers(pool)
        lifecycle = Lifecycle(parts.outbox, workers.wake, SystemClock())
        workers.equip(parts.db, parts.outbox, lifecycle, objects, asker)

        door = Door(SealingKeys.parse((await secrets.read("analysis-sealing-key")).decode()))
        sending = NoticeWork(parts.db, parts.outbox, door, Slack(egress), settings.public_url)
        few = PoolSettings(_FEW_AT_ONCE, settings.lease_seconds, settings.poll_seconds)
        senders = WorkPool("notice", sending, few)
        notices = Notices(parts.outbox, senders.wake)
        posters = Posters(parts.db, parts.outbox, door, Slack(egress), settings.public_url, few)
        deliveries = Deliveries(parts.db, parts.outbox, notices, posters.wake)

        printers = Printers(ExportWork(parts.db, objects, ProcessPress(settings.fonts_folder)), few)
        links = Links.parse((await secrets.read("analysis-link-key")).decode())
        exports = Exports(
            parts.db, parts.outbox, objects, links, SystemClock(), printers.wake, settings.export_patience
        )

        messages = MessageHandlers(lifecycle, notices, deliveries)
        parts.consume("calls", messages.calls())
        parts.consume("plans", messages.plans())
        parts.consume("workspaces", messages.workspaces())
        parts.consume("integrations", messages.integrations())
        parts.consume("sub-processors", messages.sub_processors())
        parts.consume("credential-grants-analysis", deliveries.grants())
        parts.erase_by(folders=objects, opening=show_everything)
        _erase_less(parts, ReportErasing(parts.db, parts.outbox, objects))
        schedules = Schedules(parts.db, parts.outbox, lifecycle, offer)
        tick = WorkPool("schedule", ScheduleWork(schedules), replace(pool, concurrency=_firings_at_once(settings)))
        desk = Desk(parts.db, parts.outbox, lifecycle, objects, SystemClock(), settings.list_seconds, offer)
        live = LiveRuns(parts.db)
        parts.serve(*routers(desk, schedules, exports, deliveries, live, settings.public_url))
        parts.load_later(word_pattern, load_phones)
        parts.work(workers.run, senders.run, posters.run, printers.run, tick.run, live.run)
        yield parts


def _erase_less(parts: Assembly, erasing: ReportErasing) -> None:
    """Erase the reports that retention asks for, one by one, and what there is of a person."""
    parts.erase_people(PersonRuns(erasing), opening=show_everything)
    worker = ReportErasureWorker(erasing)
    rounds = Rounds([worker], SystemClock(), poll_seconds=1.0)
    parts.consume("report-erasures", ReportOrders(parts.outbox, rounds.wake).routes())
    parts.work(rounds.run)


def objects_of(parts: Assembly, settings: Settings) -> GoogleObjects:
    """Where objects are kept, closed with the service."""
    objects = GoogleObjects(bucket=settings.bucket, endpoint=endpoint(settings, settings.storage_endpoint))
    parts.stack.push_async_callback(objects.close)
    return objects


def _firings_at_once(settings: Settings) -> int:
    """Never more than calls, which have the larger part of the database's connections."""
    return min(_FIRINGS_AT_ONCE, settings.analysis_concurrency)
