"""The questions that somebody of our staff may ask under a grant: what each reads stands in queries/staff.sql."""

from __future__ import annotations

from collections.abc import Mapping

from runtime.staff import Ask

QUESTIONS: Mapping[str, Ask] = {
    "jobs": lambda tx, _, most: tx.fetch("staff_jobs", most=most),
    "members": lambda tx, _, most: tx.fetch("staff_members", most=most),
    "integrations": lambda tx, _, most: tx.fetch("staff_integrations", most=most),
}
