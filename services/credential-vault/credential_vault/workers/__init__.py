"""Background work: a worker looks for what is due over all workspaces, then works inside one at a time, and never calls a provider
inside a transaction."""
