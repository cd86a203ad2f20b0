"""Proofs about the audit log: honest histories raise no alarm, and whatever is done to one is found."""
