"""The only code that names statements. Each function takes an open transaction and speaks in domain objects."""
