"""The providers that this installation is set up for, and where their servers are."""

from __future__ import annotations

from cloud.secrets import Secrets
from credential_vault.domain.credentials import Provider
from credential_vault.providers.asking import LARGEST_REPLY, Line
from credential_vault.providers.client import Registration
from credential_vault.providers.gong import GongOAuth
from credential_vault.providers.hubspot import HubSpotOAuth
from credential_vault.providers.port import OAuthProvider
from credential_vault.providers.slack import READING_SCOPE, SCOPES, SlackOAuth
from credential_vault.settings import Settings
from egress import Destination, Egress

# Gong's API, which pairs and tokens are checked with; each OAuth server is a destination of its own, with one host.
GONG = "gong"


def destinations(settings: Settings) -> list[Destination]:
    """Everywhere that the vault sends requests to."""
    servers = {
        Provider.GONG: settings.gong_oauth_url,
        Provider.HUBSPOT: settings.hubspot_base_url,
        Provider.SLACK: settings.slack_base_url,
    }
    return [
        Destination(name=GONG, base_url=settings.gong_base_url, hosts=("*.gong.io",)),
        *(
            Destination(name=_server(provider), base_url=url, largest_response=LARGEST_REPLY, recipient=provider.value)
            for provider, url in servers.items()
        ),
    ]


async def oauth_providers(settings: Settings, egress: Egress, secrets: Secrets) -> dict[Provider, OAuthProvider]:
    """Those with a client id. Raises MissingSettings when the client's secret is not there; what Secret Manager raises otherwise."""
    found: dict[Provider, OAuthProvider] = {}
    ids = {
        Provider.GONG: settings.gong_client_id,
        Provider.HUBSPOT: settings.hubspot_client_id,
        Provider.SLACK: settings.slack_client_id,
    }
    for provider, client_id in ids.items():
        if client_id:
            registration = Registration(provider, client_id, secrets)
            await registration.check()
            found[provider] = _composed(settings, egress, registration)
    return found


def _composed(settings: Settings, egress: Egress, registration: Registration) -> OAuthProvider:
    provider = registration.provider
    line = Line(egress, provider, _server(provider))
    match provider:
        case Provider.GONG:
            api = Line(egress, provider, GONG)
            return GongOAuth(line, api, registration, settings.gong_authorize_url, settings.gong_base_url)
        case Provider.HUBSPOT:
            return HubSpotOAuth(line, registration, settings.hubspot_authorize_url)
        case Provider.SLACK:
            scopes = (*SCOPES, READING_SCOPE) if settings.slack_reads_channels else SCOPES
            return SlackOAuth(line, registration, settings.slack_authorize_url, scopes=scopes)
        case Provider.SIEM:
            raise ValueError("a customer's SIEM has no OAuth server: its secret is made here")


def _server(provider: Provider) -> str:
    return f"{provider.value}-oauth"
