"""ingest: everything that comes in from outside.

Calls and transcripts from Gong on behalf of analysis, Clerk's webhooks, and with them the workspaces and their members. Not for: what a
call means (analysis), and whether a credential works (credential-vault).
"""
