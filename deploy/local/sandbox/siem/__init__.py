"""A customer's own SIEM: takes Standard Webhooks, and keeps what came for tests to check."""
