"""What stands in for the cloud on one machine: PostgreSQL, Pub/Sub, Secret Manager, object storage, certificates.

Each part speaks the real protocol, so the services use Google's clients everywhere and only endpoints differ.
Nothing here is deployed; nothing here reads the environment (the composition root passes plain data in).
"""
