"""Where finished reports go: to a Slack channel, and to the pages of those who wait for them.

What is posted is decided in the transaction that ends the run: a row that says where, a request for Slack's credential, a notice for the
person. Nothing is decided twice: a run has one delivery of a kind.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from analysis import events
from analysis.domain.deliveries import (
    Channel,
    Covers,
    Delivery,
    DeliveryId,
    DeliverySettings,
    Kind,
    Posting,
    Where,
    channel_id_of,
    where_to,
)
from analysis.domain.notices import GrantId, Told
from analysis.domain.request import ReportId, RunId
from analysis.domain.run import Run
from analysis.domain.schedule import FIRED_BY, Change
from analysis.handlers.notices import Notices
from analysis.slack.credential import REQUESTER
from analysis.store import channels, deliveries, notices, page_notices, plans, runs, slack_grants
from analysis.store.slack_grants import GrantState
from contracts import Actor, Event
from core.errors import Conflict, InvalidInput, NotFound
from core.faultpoints import reach
from core.ids import WorkspaceId, uuid7
from database import Database, Tx
from messaging import Outbox, Routes

# Deliveries on the settings' page.
SHOWN = 10

# Slack's channels are asked for again where nothing has come of it for so long.
LIST_SECONDS = 900.0


class ChangedElsewhere(Conflict):
    """Another admin has changed the settings since they were looked at."""

    title = "Somebody else changed this in the meantime"


class Chosen(Struct, frozen=True):
    """What an admin's page shows: the choice, the channels to choose from, Slack's state, the latest deliveries, and notices."""

    settings: DeliverySettings
    channels: channels.ChannelList
    slack: plans.IntegrationState
    latest: Sequence[Posting]
    announcements: Sequence[Told]


class Deliveries(Struct, frozen=True):
    """The use cases. `wake` is called once something can be posted or read: a hint for the workers."""

    db: Database
    outbox: Outbox
    notices: Notices
    wake: Callable[[], None]
    new_id: Callable[[], uuid.UUID] = field(default=uuid7)

    def grants(self) -> Routes:
        """What the vault answers, to whatever has asked it."""
        routes = Routes()
        routes.on(events.CredentialGranted, self.granted)
        routes.on(events.CredentialDenied, self.denied)
        return routes

    async def chosen(self, workspace_id: WorkspaceId) -> Chosen:
        """Everything of the settings' page."""
        async with self.db.workspace(workspace_id) as tx:
            return Chosen(
                await deliveries.settings(tx),
                await channels.listed(tx),
                await plans.integration(tx, "slack"),
                await deliveries.latest(tx, SHOWN),
                await notices.announcements(tx, SHOWN),
            )

    async def announcements(self, workspace_id: WorkspaceId) -> list[Told]:
        """What became of the notices of new sub-processors."""
        async with self.db.workspace(workspace_id) as tx:
            return await notices.announcements(tx, SHOWN)

    async def channels(self, workspace_id: WorkspaceId) -> channels.ChannelList:
        """The channels to choose from, as they were read last."""
        async with self.db.workspace(workspace_id) as tx:
            return await channels.listed(tx)

    async def settings(self, workspace_id: WorkspaceId) -> DeliverySettings:
        """The workspace's choice."""
        async with self.db.workspace(workspace_id) as tx:
            return await deliveries.settings(tx)

    async def choose(
        self, workspace_id: WorkspaceId, channel_id: str, covers: Covers, version: int, actor: Actor
    ) -> DeliverySettings:
        """Another choice; an empty `channel_id` is none. Audited. Raises InvalidInput, and ChangedElsewhere at another version.

        Reports that are finished from now on go there. What waits to be posted is not moved; it is not posted where nothing is to be.
        """
        async with self.db.workspace(workspace_id) as tx:
            known = await deliveries.lock_settings(tx)
            if known.version != version:
                raise ChangedElsewhere(
                    "The settings are others by now. Look at them, and do it again if you still want to."
                )
            channel = await named(tx, Channel(channel_id_of(channel_id))) if channel_id.strip() else None
            wanted = replace(known, channel=channel, covers=covers)
            told = _changes(known, wanted)
            if not told:
                return known
            await deliveries.save_settings(tx, wanted)
            action = events.delivery_settings_changed(workspace_id, told)
            aggregate = f"{workspace_id}:delivery"
            await self.outbox.add(tx, action, aggregate_id=aggregate, sequence=version + 1, actor=actor)
            return replace(wanted, version=version + 1)

    async def ask_for_channels(self, workspace_id: WorkspaceId) -> None:
        """Have Slack's channels read. Raises Conflict where Slack is not connected, and while they are being read."""
        async with self.db.workspace(workspace_id) as tx:
            if not (await plans.integration(tx, "slack")).connected:
                raise Conflict("Slack is not connected: an admin connects it under Integrations")
            grant_id = GrantId(self.new_id())
            await slack_grants.ask(tx, grant_id)
            if not await channels.ask(tx, grant_id, LIST_SECONDS):
                raise Conflict("Slack is being asked for its channels: look again in a moment")
            await ask_vault(tx, self.outbox, grant_id, LIST_SUBJECT)

    async def of_run(self, workspace_id: WorkspaceId, run_id: RunId) -> list[Posting]:
        """What became of a run's deliveries, the newest first. Raises NotFound for a run that is not there, or hidden."""
        async with self.db.workspace(workspace_id) as tx:
            if await runs.run(tx, run_id) is None:
                raise NotFound("there is no such run in this workspace")
            return await deliveries.of_run(tx, run_id)

    async def opened(self, workspace_id: WorkspaceId, user_id: str, run_id: RunId) -> list[Posting]:
        """Somebody reads a run's report, and so is told of it no more: what became of its deliveries."""
        async with self.db.workspace(workspace_id) as tx:
            await page_notices.seen(tx, user_id, run_id)
            return await deliveries.of_run(tx, run_id)

    async def repeat(self, workspace_id: WorkspaceId, delivery_id: DeliveryId) -> Posting:
        """Have a delivery posted (again) that is not known to be in its channel, to where its run's result goes by now.

        Raises NotFound, and Conflict where it is under way, or posted, or there is nowhere to post it.
        """
        async with self.db.workspace(workspace_id) as tx:
            known = await deliveries.lock(tx, delivery_id)
            if known is None or await runs.run(tx, known.run_id) is None:
                raise NotFound("there is no such delivery in this workspace")
            channel = await target(tx, known.run_id)
            if channel is None:
                raise Conflict("no channel is chosen: choose one under Settings, Delivery")
            grant_id = GrantId(self.new_id())
            await slack_grants.ask(tx, grant_id)
            if not await deliveries.repeat(tx, known, DeliveryId(self.new_id()), channel, grant_id):
                raise Conflict("it is posted, or about to be")
            await ask_vault(tx, self.outbox, grant_id, _subject(known.kind, known.run_id))
            return known

    async def dismiss(self, workspace_id: WorkspaceId, notice_id: uuid.UUID, user_id: str, *, is_admin: bool) -> None:
        """Somebody has seen a notice. Raises NotFound for one that is not theirs."""
        async with self.db.workspace(workspace_id) as tx:
            if not await page_notices.dismiss(tx, notice_id, recipients(user_id, is_admin=is_admin)):
                raise NotFound("there is no such notice for you")

    async def granted(self, tx: Tx, event: Event[events.CredentialGranted]) -> None:
        """What asked for it can be done; a grant that nothing waits for any more is not kept."""
        sealed = events.sealed_grant(event.payload)
        known = await slack_grants.state(tx, sealed.grant_id)
        if known is None:
            await self.notices.granted(tx, event)
        elif known is GrantState.ASKED:
            await slack_grants.grant(tx, sealed)
            await self._answered(tx, sealed.grant_id)

    async def denied(self, tx: Tx, event: Event[events.CredentialDenied]) -> None:
        """What asked for it ends, and says why."""
        grant_id = events.grant_id_of(event.payload.grant_id)
        known = await slack_grants.state(tx, grant_id)
        if known is None:
            await self.notices.denied(tx, event)
        elif known is GrantState.ASKED:
            await slack_grants.deny(tx, grant_id, events.denial(event.payload))
            await self._answered(tx, grant_id)

    async def slack_gone(self, tx: Tx) -> None:
        """Slack is not connected any more: its channels' names are not kept."""
        await channels.forget(tx)

    async def _answered(self, tx: Tx, grant_id: GrantId) -> None:
        if await deliveries.answered(tx, grant_id) or await channels.answered(tx, grant_id):
            tx.on_commit(self.wake)
        else:
            # What asked for it has asked anew, or was given up.
            await slack_grants.end(tx, grant_id)


async def report_finished(tx: Tx, outbox: Outbox, run: Run, report_id: ReportId) -> None:
    """A run has its report: it is posted where it belongs, and whoever asked for it is told. Goes into the transaction that ends the run.

    A cancelled run's partial report is neither: somebody has stopped the run and knows.
    """
    await _planned(tx, outbox, run, Kind.REPORT, report_id)


async def run_failed(tx: Tx, outbox: Outbox, run: Run) -> None:
    """A run has failed: where a schedule's report would have been posted, that is said; a person is told on the pages."""
    await _planned(tx, outbox, run, Kind.FAILURE, None)


async def _planned(tx: Tx, outbox: Outbox, run: Run, kind: Kind, report_id: ReportId | None) -> None:
    own = await deliveries.own_choice(tx, run.id)
    if run.requested_by != FIRED_BY:
        await page_notices.tell(tx, run.requested_by, kind.value, run.id)
    if own is None and kind is Kind.FAILURE:
        return
    channel = where_to(await deliveries.settings(tx), own)
    if channel is None or kind in {known.kind for known in await deliveries.of_run(tx, run.id)}:
        return
    grant_id = GrantId(uuid7())
    await slack_grants.ask(tx, grant_id)
    await deliveries.add(tx, DeliveryId(uuid7()), run.id, kind, report_id, channel, grant_id)
    await ask_vault(tx, outbox, grant_id, _subject(kind, run.id))
    reach("analysis.delivery.planned")


async def target(tx: Tx, run_id: RunId) -> Channel | None:
    """The channel that a run's result goes to as things are now; None for nowhere."""
    return where_to(await deliveries.settings(tx), await deliveries.own_choice(tx, run_id))


async def named(tx: Tx, channel: Channel) -> Channel:
    """A channel with the name that Slack's list has for it."""
    return await channels.channel(tx, channel.id) or channel


async def checked(tx: Tx, delivery: Delivery) -> Delivery:
    """A schedule's choice, with the channel's name. Raises InvalidInput."""
    if delivery.where is not Where.CHANNEL:
        return Delivery(delivery.where)
    if delivery.channel is None:
        raise InvalidInput("choose the channel that the schedule's reports are posted to")
    return replace(delivery, channel=await named(tx, Channel(channel_id_of(delivery.channel.id))))


async def ask_vault(tx: Tx, outbox: Outbox, grant_id: GrantId, subject: str) -> None:
    """Ask for Slack's credential; `subject` is what the vault's journal says it is for."""
    request = events.credential_requested(grant_id, subject, events.DELIVERY)
    await outbox.add(tx, request, aggregate_id=str(grant_id), sequence=1, requester=REQUESTER)


def recipients(user_id: str, *, is_admin: bool) -> list[str]:
    """Whose notices somebody sees."""
    return [user_id, page_notices.ADMINS] if is_admin else [user_id]


# What the vault's journal says of a grant to read the channels.
LIST_SUBJECT = "channels"


def _subject(kind: Kind, run_id: RunId) -> str:
    return f"{kind.value}-{run_id}"


def _changes(before: DeliverySettings, after: DeliverySettings) -> list[Change]:
    """What the audit log is told: the fields that differ."""
    fields = (
        ("slack_channel", _told(before.channel), _told(after.channel)),
        ("slack_reports", _covered(before), _covered(after)),
    )
    return [Change(name, was, now) for name, was, now in fields if was != now]


def _told(channel: Channel | None) -> str | None:
    return channel.told if channel else None


def _covered(settings: DeliverySettings) -> str | None:
    return settings.covers.value if settings.channel else None
