"""What every service's pages and API share.

    class Settings(ServiceSettings): ...
    settings = load_settings(Settings, "audit")
    app = create_app(service="audit", settings=settings, routers=[router], background=[relay.run], ready=db.ready)
    run(app, settings)

Settings, the Clerk session check, roles, problem+json and error pages, the layout and its assets, security headers,
health, serving. Not for: what a page shows, tables, messages.
"""

from web.access import admin, member
from web.app import create_app
from web.etags import check_match
from web.idempotency import idempotent
from web.pages import Pages
from web.scopes import Scope, needs, people_only
from web.server import run, serve
from web.session import Role, Session
from web.settings import ServiceSettings, load_settings

__all__ = [
    "Pages",
    "Role",
    "Scope",
    "ServiceSettings",
    "Session",
    "admin",
    "check_match",
    "create_app",
    "idempotent",
    "load_settings",
    "member",
    "needs",
    "people_only",
    "run",
    "serve",
]
