"""Slack: OAuth v2 with rotating tokens, and the few methods that deliver a report to a channel."""
