"""What a customer runs to check an export of their audit log: one file that needs nothing but Python."""
