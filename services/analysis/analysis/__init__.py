"""analysis: asks a company's own question of each recorded call, checks every quote, and rolls the answers up into one report.

Owns briefs, previews, runs, per-call analyses, reports, exports and usage metering. Not for: talking to Gong (that is ingest, reached by
messages) or deciding what a plan allows (that is retention; a projection of it is kept here).
"""
