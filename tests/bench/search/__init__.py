"""How soon a search over findings is answered: the 95th percentile, in milliseconds, of the use case with its transaction.

A workspace of 100,000 findings among 50 (FULL=1: the others are larger). Ours is `Search.findings`: scope, words and filters, a page of
25, marked up by nobody yet. The alternative is the same page from a table under the usual row policy, workspace and retention floor alone,
with the words in the statement: PostgreSQL then checks the words of all findings of the workspace, since their operator is not
leakproof. The bound is the same statement as a role without policies, in a plain transaction, with the same indexes. The product asks
for 50 ms.
"""

from bench.search.rows import run

__all__ = ["run"]
