"""Use cases: what messages cause, what people ask for, and how a run moves from state to state.

Each runs inside an open transaction and leaves effects and outbox rows in it; nothing here commits or acknowledges.
"""
