"""`make trust`: every promise of the trust page is checked against the running system, and each check is shown to be able to fail.

`retention/promises.yaml` names, for each sentence, its checks and its mutants; `promises.checks` has one of that name for each. A mutant
flips something real in the throw-away system for the length of a block; the sentence has to turn red meanwhile, and to hold again after it.
"""
