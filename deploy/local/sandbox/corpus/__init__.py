"""Recorded calls: where they are read from and what the sandbox knows of each. No network, no provider's wire format."""
