"""The only place that names statements: domain objects in, domain objects out, inside the caller's transaction."""
