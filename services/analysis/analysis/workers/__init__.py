"""Background work: calls are analysed and summaries written by whoever claims them, however many processes there are."""

from analysis.workers.crew import Workers

__all__ = ["Workers"]
