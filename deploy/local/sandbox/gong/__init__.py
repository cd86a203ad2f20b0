"""Gong's API, version 2, as far as Callmine reads it. Shapes follow the published specification."""
