"""`/settings/workspace` and `/api/v1/workspace`: everybody reads, admins change."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from core.errors import CallmineError, NotFound
from database import Database
from ingest.domain.entries import LONGEST_NAME, TIMEZONES, valid_name, valid_timezone
from ingest.domain.members import Workspace
from ingest.domain.preferences import Preferences
from ingest.domain.webhooks import KEPT_DAYS
from ingest.handlers import Administering
from ingest.http.access import AdminSession, MemberSession, admin_of
from ingest.store import members, webhooks, workspaces
from web import Pages, Scope, Session, check_match, needs

PAGE = "/settings/workspace"
_LONGEST_ZONE = 64


class PreferencesView(BaseModel):
    """The preferences as a client reads and writes them; one that is left out is at its default."""

    model_config = ConfigDict(extra="forbid")

    mask_personal_data: bool = Preferences().mask_personal_data
    other_provider_fallback: bool = Preferences().other_provider_fallback


class WorkspaceView(BaseModel):
    """A workspace as a client reads it. `version` goes back with a change of timezone or preferences."""

    id: str
    name: str
    slug: str
    timezone: str
    preferences: PreferencesView
    version: int


class NameChange(BaseModel):
    """A new name, and the one that it replaces."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=LONGEST_NAME)
    previous_name: str = Field(max_length=LONGEST_NAME)


class SettingsChange(BaseModel):
    """Timezone and preferences as they are to be, and the version they were changed from."""

    model_config = ConfigDict(extra="forbid")

    timezone: str = Field(max_length=_LONGEST_ZONE)
    preferences: PreferencesView
    version: int = Field(ge=1)


class _Entered(Struct, frozen=True):
    """What somebody filled in, shown again beside what is wrong with it."""

    problem: str = ""
    about: str = ""
    name: str | None = None
    timezone: str | None = None
    masks: bool | None = None
    falls_back: bool | None = None


class WorkspacePage(Struct, frozen=True):
    """The page, with what went wrong on the way to it."""

    pages: Pages
    db: Database

    async def page(
        self,
        request: Request,
        session: Session,
        status: int = 200,
        entered: _Entered = _Entered(),  # noqa: B008 - frozen
    ) -> Response:
        """The page as it is now."""
        async with self.db.workspace(session.workspace_id) as tx:
            workspace = await workspaces.read_workspace(tx)
            connected = await workspaces.integrations(tx)
            count = await members.count(tx)
            noticed = await webhooks.noticed_calls(tx)
        return self.pages.render(
            request,
            "workspace.html",
            session,
            status_code=status,
            workspace=workspace,
            integrations=connected,
            member_count=count,
            noticed=noticed,
            noticed_days=KEPT_DAYS,
            timezones=TIMEZONES,
            entered=entered,
            saved=request.query_params.get("saved", "") if status == 200 else "",
        )


def add_workspace(routes: APIRouter, db: Database, administering: Administering) -> None:
    """The routes."""
    _add_pages(routes, WorkspacePage(Pages("ingest"), db), administering)
    _add_api(routes, db, administering)


def _add_pages(routes: APIRouter, shown: WorkspacePage, administering: Administering) -> None:
    @routes.get(PAGE)
    async def page(request: Request, session: MemberSession) -> Response:
        return await shown.page(request, session)

    @routes.post(f"{PAGE}/name")
    async def rename(
        request: Request,
        session: AdminSession,
        name: Annotated[str, Form(max_length=4 * LONGEST_NAME)] = "",
        previous_name: Annotated[str, Form(max_length=LONGEST_NAME)] = "",
    ) -> Response:
        try:
            await administering.rename(admin_of(session), valid_name(name), previous_name)
        except CallmineError as error:
            return await shown.page(request, session, error.status, _Entered(str(error), "name", name=name))
        return RedirectResponse(f"{PAGE}?saved=name", status_code=303)

    @routes.post(f"{PAGE}/settings")
    async def choose(
        request: Request,
        session: AdminSession,
        timezone: Annotated[str, Form(max_length=_LONGEST_ZONE)] = "",
        version: Annotated[int, Form(ge=0)] = 0,
        mask_personal_data: Annotated[bool | None, Form()] = None,
        other_provider_fallback: Annotated[bool | None, Form()] = None,
    ) -> Response:
        sent = {"mask_personal_data": mask_personal_data, "other_provider_fallback": other_provider_fallback}
        chosen = {name: choice for name, choice in sent.items() if choice is not None}
        try:
            await administering.choose(admin_of(session), valid_timezone(timezone), version, chosen)
        except CallmineError as error:
            entered = _Entered(
                str(error), "settings", timezone=timezone, masks=mask_personal_data, falls_back=other_provider_fallback
            )
            return await shown.page(request, session, error.status, entered)
        return RedirectResponse(f"{PAGE}?saved=settings", status_code=303)


def _add_api(routes: APIRouter, db: Database, administering: Administering) -> None:
    async def view(session: Session) -> WorkspaceView:
        async with db.workspace(session.workspace_id) as tx:
            found = await workspaces.read_workspace(tx)
        if found is None:
            raise NotFound("Your workspace is still being set up. Try again in a moment.")
        return _view(found)

    @routes.get("/api/v1/workspace", dependencies=[needs(Scope.SETTINGS_READ)])
    async def read(session: MemberSession) -> WorkspaceView:
        """The workspace and its settings."""
        return await view(session)

    @routes.put("/api/v1/workspace/name", dependencies=[needs(Scope.SETTINGS_WRITE)])
    async def rename(request: Request, session: AdminSession, change: NameChange) -> WorkspaceView:
        """Call the workspace otherwise."""
        check_match(request, (await view(session)).model_dump(mode="json"))
        await administering.rename(admin_of(session), valid_name(change.name), change.previous_name)
        return await view(session)

    @routes.put("/api/v1/workspace/settings", dependencies=[needs(Scope.SETTINGS_WRITE)])
    async def choose(request: Request, session: AdminSession, change: SettingsChange) -> WorkspaceView:
        """Save timezone and preferences; a preference that is left out goes back to its default."""
        check_match(request, (await view(session)).model_dump(mode="json"))
        chosen: dict[str, bool] = change.preferences.model_dump()
        await administering.choose(admin_of(session), valid_timezone(change.timezone), change.version, chosen)
        return await view(session)


def _view(found: Workspace) -> WorkspaceView:
    chosen = found.settings.preferences
    return WorkspaceView(
        id=found.workspace_id,
        name=found.name,
        slug=found.slug,
        timezone=found.settings.timezone,
        preferences=PreferencesView(
            mask_personal_data=chosen.mask_personal_data, other_provider_fallback=chosen.other_provider_fallback
        ),
        version=found.version,
    )
