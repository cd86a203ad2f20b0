"""HubSpot: the OAuth endpoints of 2026-03, with secrets in the body only."""
