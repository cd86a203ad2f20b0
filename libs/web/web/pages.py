"""Pages: Jinja2 templates of a service, in the shared layout."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import HTMLResponse

from core.context import current
from web import formats
from web.session import Session
from web.settings import ServiceSettings
from web.state import web_of

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment


class NavigationItem(Struct, frozen=True):
    """One entry of the main navigation."""

    label: str
    href: str
    admin_only: bool = False


NAVIGATION = (
    NavigationItem("Dashboard", "/dashboard"),
    NavigationItem("New analysis", "/new"),
    NavigationItem("Schedules", "/schedules"),
    NavigationItem("Search", "/search"),
    NavigationItem("Integrations", "/settings/integrations", admin_only=True),
    NavigationItem("Members", "/settings/members"),
    NavigationItem("Billing", "/settings/billing"),
    NavigationItem("Audit log", "/audit", admin_only=True),
)


class Pages:
    """Renders `<package>/pages/*.html`. What a template uses must be given: an unknown name is an error, not a blank."""

    def __init__(self, package: str) -> None:
        self._package = package

    def render(
        self,
        request: Request,
        template: str,
        session: Session | None = None,
        *,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> HTMLResponse:
        """`template` with `values`, as a response. `session` None is for public pages."""
        body = self.text(request, template, session, **values)
        return HTMLResponse(body, status_code=status_code, headers=dict(headers or {}))

    def text(self, request: Request, template: str, session: Session | None = None, **values: object) -> str:
        """`template` with `values`, as text: for what is sent in parts."""
        return page_environment(self._package).get_template(template).render(shared_values(request, session) | values)


def shared_values(request: Request, session: Session | None) -> dict[str, object]:
    """What the layout needs, available to each template."""
    web = web_of(request)
    settings = web.settings
    return {
        "session": session,
        "service": web.service,
        "path": request.url.path,
        "asset": web.assets.address,
        "navigation": NAVIGATION,
        "sign_in_href": sign_in_href(request),
        "sign_out_href": sign_out_href(settings),
        "switch_workspace_href": switch_workspace_href(settings),
        "clerk_script_url": settings.clerk_script_url,
        "clerk_publishable_key": settings.clerk_publishable_key,
        "reference": current().correlation_id,
        "announced": web.register.announced(web.clock.now().date()) if session and session.is_admin else [],
        "partial": request.headers.get("hx-request") == "true" and request.headers.get("hx-boosted") != "true",
    }


def sign_in_href(request: Request) -> str:
    """The hosted sign-in page, told to come back to this page (for a form that was sent: to the dashboard)."""
    settings = web_of(request).settings
    path = request.url.path if request.method in {"GET", "HEAD"} else "/dashboard"
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return f"{settings.sign_in_url}?redirect_url={quote(settings.public_url + path + query, safe='')}"


def sign_out_href(settings: ServiceSettings) -> str:
    """The hosted sign-out page, told to come back to the start."""
    address = settings.sign_out_url or _beside(settings.sign_in_url, "sign-out")
    return f"{address}?redirect_url={quote(settings.public_url + '/', safe='')}"


def switch_workspace_href(settings: ServiceSettings) -> str:
    """The hosted page for choosing another workspace, told to come back to the dashboard; empty where none is configured."""
    if settings.switch_workspace_url is None:
        return ""
    return f"{settings.switch_workspace_url}?redirect_url={quote(settings.public_url + '/dashboard', safe='')}"


def _beside(url: str, name: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}", query="", fragment=""))


@lru_cache
def page_environment(package: str) -> Environment:
    """The templates of a package. The engine is loaded with its first use, or once the service has begun."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        loader=_loader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(formats.FILTERS)
    return environment


def _loader(package: str) -> BaseLoader:
    from jinja2 import ChoiceLoader, PackageLoader

    shared = PackageLoader("web", "templates")
    if package == "web" or not (resources.files(package) / "pages").is_dir():
        return shared
    return ChoiceLoader([PackageLoader(package, "pages"), shared])
