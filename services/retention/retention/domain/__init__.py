"""The rules of retention, without I/O: plans and what they entitle to, and who processes data."""
