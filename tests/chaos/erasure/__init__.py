"""Seeded schedules of an erasure: everything that could bring a workspace back, in every order, and a worker that dies anywhere."""

from chaos.erasure.schedule import MUTANTS, Outcome, run

__all__ = ["MUTANTS", "Outcome", "run"]
