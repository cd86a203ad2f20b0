"""One provider's OAuth parts, put together from the settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from local.sandbox.clock import Clock
from local.sandbox.journal import Journal
from local.sandbox.oauth.accounts import Account
from local.sandbox.oauth.clients import Clients
from local.sandbox.oauth.office import TokenOffice
from local.sandbox.oauth.rules import vendor_rules
from local.sandbox.oauth.shelf import Shelf
from local.sandbox.settings import OAuthSettings, SandboxSettings
from local.sandbox.vendors import Provider

_PREFIXES = {
    Provider.GONG: ("gng-", "gngr-"),
    Provider.HUBSPOT: ("CO-", "na1-"),
    Provider.SLACK: ("xoxe.xoxb-1-", "xoxe-1-"),
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What a vendor's endpoints work with."""

    provider: Provider
    office: TokenOffice
    clients: Clients
    accounts: Sequence[Account]
    origins: frozenset[str]
    base_url: str

    def account(self, name: str) -> Account:
        """The account of that name; it exists, for a token belongs to it."""
        return next((account for account in self.accounts if account.name == name), Account(name))


def open_desks(settings: SandboxSettings, clock: Clock, journal: Journal) -> dict[Provider, Desk]:
    """A desk for each provider with OAuth. Raises SettingsError for a kept file that cannot be read."""
    accounts = [Account(tenant.workspace) for tenant in settings.gong.tenants]
    front = settings.clerk.front_door_origin
    origins = frozenset(
        url.rstrip("/") for url in (settings.base_url, f"https://localhost:{settings.port}", front) if url
    )
    sections: dict[Provider, OAuthSettings] = {
        Provider.GONG: settings.oauth.gong,
        Provider.HUBSPOT: settings.oauth.hubspot,
        Provider.SLACK: settings.oauth.slack,
    }
    desks = {}
    for provider, section in sections.items():
        shelf = Shelf(settings.data_dir / "oauth" / f"{provider}.json") if settings.oauth.keep else None
        rules = vendor_rules(provider, section)
        office = TokenOffice(provider, rules, _PREFIXES[provider], clock, journal, shelf)
        base_url = f"{settings.base_url}/{provider}"
        desks[provider] = Desk(provider, office, Clients(section.clients), accounts, origins, base_url)
    return desks
