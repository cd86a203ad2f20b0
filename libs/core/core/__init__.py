"""The words every part of Callmine shares: ids, clock, errors, workspace context, log lines.

Standard library only, no I/O beyond writing log lines. Not for: anything that knows a provider, a table or a topic.
"""
