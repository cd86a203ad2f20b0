"""Delivery under faults: the real outbox, relay, inbox and consumer on a real PostgreSQL, a seeded broker, a simulated clock."""
