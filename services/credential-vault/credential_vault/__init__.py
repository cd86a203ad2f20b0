"""credential-vault: the only service that holds the Tink keyset.

It checks credentials with their provider, keeps them encrypted, and grants them, sealed, to the services that a policy allows, with every
use recorded first. Not for: talking to providers on a run's behalf (ingest and analysis do, with what they were granted).
"""
