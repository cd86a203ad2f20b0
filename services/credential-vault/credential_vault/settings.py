"""What the vault is told by its environment."""

from __future__ import annotations

from pydantic import Field

from web.settings import BrowserUrl, HttpsUrl, ServiceSettings

# Slack's have a dot, Gong's and HubSpot's are letters, digits and hyphens.
CLIENT_ID = r"^[A-Za-z0-9._-]{0,200}$"


class Settings(ServiceSettings):
    """The settings of every service, and the vault's own."""

    gong_base_url: HttpsUrl = Field(
        default="https://api.gong.io", description="https address of Gong's API where a customer gives none"
    )
    # A provider is set up for OAuth by its client id; the client's secret is in Secret Manager, `<provider>-oauth-client`.
    gong_client_id: str = Field(default="", pattern=CLIENT_ID, description="client id of Callmine's app at Gong")
    gong_authorize_url: BrowserUrl = Field(
        default="https://app.gong.io/oauth2/authorize", description="address of Gong's consent page"
    )
    gong_oauth_url: HttpsUrl = Field(default="https://app.gong.io", description="https address of Gong's OAuth server")
    hubspot_client_id: str = Field(default="", pattern=CLIENT_ID, description="client id of Callmine's app at HubSpot")
    hubspot_authorize_url: BrowserUrl = Field(
        default="https://app.hubspot.com/oauth/authorize", description="address of HubSpot's consent page"
    )
    hubspot_base_url: HttpsUrl = Field(default="https://api.hubapi.com", description="https address of HubSpot's API")
    slack_client_id: str = Field(default="", pattern=CLIENT_ID, description="client id of Callmine's app at Slack")
    slack_authorize_url: BrowserUrl = Field(
        default="https://slack.com/oauth/v2/authorize", description="address of Slack's consent page"
    )
    slack_base_url: HttpsUrl = Field(default="https://slack.com", description="https address of Slack")
    slack_reads_channels: bool = Field(
        default=False,
        description="ask Slack for channels:history as well, to look for reports whose posting had no clear end",
    )
    ingest_sealing_public_key: str = Field(description="public half of ingest's sealing key, base64")
    analysis_sealing_public_key: str = Field(description="public half of analysis' sealing key, base64")
    audit_sealing_public_key: str = Field(description="public half of audit's sealing key, base64")
    # Long enough for a run of a few hundred calls at Gong's limits; an expired grant is simply asked for again.
    grant_seconds: int = Field(default=1800, ge=60, le=3600, description="seconds that a grant can be opened for")
    vault_kms_key: str = Field(
        default="",
        pattern=r"^(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)?$",
        description="resource name of the Cloud KMS key that wraps the keyset; without one it is not wrapped",
    )
    kms_endpoint: str = Field(default="", description="host:port of Cloud KMS where it is not Google's")
    # Cloud SQL keeps automated backups for up to 365 days; what is set there belongs here.
    backup_days: int = Field(
        default=35, ge=1, le=3650, description="days that the oldest backup of the database is kept"
    )
