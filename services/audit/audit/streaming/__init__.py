"""Sending a workspace's log to its own SIEM, and letting it be pulled: docs/audit-streaming.md.

The order is that of the log's own positions, which has no gap (docs/audit-proof.md). `items` reads positions as they are sent, `sender`
posts batches of them, `signing` signs as Standard Webhooks has it, `grants` asks the vault for what to sign with, `setup` are the use
cases of admins.

Not for: giving entries their positions, or proving them (`audit.log`).
"""
