"""The log by which a workspace can check its audit entries, and what our staff did, without trusting us: docs/audit-proof.md.

`tree`, `leaf` and `steps` say what is hashed and `note` what is signed; `sealing` gives entries their place, `anchoring` puts each log's
head into one global log, `erasure` removes what a person or a workspace asks to have removed, `export` hands out what
`verify/callmine_verify.py` checks.

Not for: what an entry means, or which of them a page shows.
"""
