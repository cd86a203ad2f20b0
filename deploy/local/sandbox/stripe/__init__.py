"""Stripe as Callmine uses it: customers, checkout, subscriptions, invoices, the customer portal, signed webhooks."""
