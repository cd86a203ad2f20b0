"""The proofs: seeded experiments on the real parts, with the faults that production has. `python -m chaos [name]`, or `make prove`."""
