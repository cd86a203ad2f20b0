"""Clerk: the people, their sessions and tokens, the sign-in pages, and the webhooks that tell of organisations."""
