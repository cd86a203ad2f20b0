"""Scopes under fire: 200 tasks over 10 connections, interrupted wherever they wait, and nothing of one scope reaches another."""

from __future__ import annotations

import asyncio

import uvloop

from chaos.harness import Plan
from isolation import Part
from isolation.scopes.crowd import gather, queries
from isolation.scopes.findings import Findings

QUICK, FULL = 100_000, 1_000_000


async def measure(plan: Plan, admin_url: str, transactions: int | None = None) -> Part:
    """Send the crowd through `transactions` transactions (otherwise QUICK, or FULL for a full plan), on the services' event loop."""
    total = transactions or (FULL if plan.full else QUICK)
    crowd = gather(admin_url, "proof-scopes", plan.seed, total, plan.tick, queries())
    findings = await asyncio.to_thread(uvloop.run, crowd)
    return Part(
        {"transactions": findings.transactions, "stale_scopes": findings.stale_scopes}, tuple(findings.problems)
    )


__all__ = ["FULL", "QUICK", "Findings", "gather", "measure", "queries"]
