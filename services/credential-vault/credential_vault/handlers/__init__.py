"""Use cases. What writes to the database runs in the transaction it is given; what calls a provider holds none."""
