"""What ingest knows, without I/O: calls and which of them are meant, jobs, workspaces and members."""
