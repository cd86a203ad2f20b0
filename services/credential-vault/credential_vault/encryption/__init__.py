"""Tink: the keyset, data keys per workspace, and what is encrypted under them. Nothing else of the vault touches key material."""
