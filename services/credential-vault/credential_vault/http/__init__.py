"""Pages and API of the integrations. For admins."""
