"""Keeps the house in order: dependencies and their locks, sizes, import rules, the environment `make setup` builds.

Nothing here runs in production, and nothing in libs/ or services/ imports it.
"""
