"""Writes the list of mutants anew: `python -m isolation.mutants`."""

from chaos.server import postgres
from isolation.mutants.listing import LIST, write

with postgres() as admin_url:
    print(f"{LIST.name}: {write(admin_url)} mutants")
