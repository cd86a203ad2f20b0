"""The scope outside the database: names, caches, messages, logs, prompts, exports and pages are built from it and from nothing else."""
