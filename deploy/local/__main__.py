"""`python -m local …`, the same as `callmine …`."""

from local.cli import app

app(prog_name="callmine")
