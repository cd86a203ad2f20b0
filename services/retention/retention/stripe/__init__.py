"""Stripe as retention sees it: its client behind our way out, and its records in the words of `domain.billing`."""
