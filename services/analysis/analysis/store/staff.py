"""The questions that somebody of our staff may ask under a grant: what each reads stands in queries/staff.sql."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.staff import Ask

QUESTIONS: Mapping[str, Ask] = {
    "runs": lambda tx, _, most: tx.fetch("staff_runs", most=most),
    "run_calls": lambda tx, about, most: tx.fetch("staff_run_calls", about=about, most=most),
    "schedules": lambda tx, _, most: tx.fetch("staff_schedules", most=most),
    "firings": lambda tx, about, most: tx.fetch("staff_firings", about=about, most=most),
    "deliveries": lambda tx, _, most: tx.fetch("staff_deliveries", most=most),
    "plan": lambda tx, _, most: tx.fetch("staff_plan", most=most),
    "integrations": lambda tx, _, most: tx.fetch("staff_integrations", most=most),
}
