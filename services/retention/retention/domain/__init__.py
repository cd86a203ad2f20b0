"""The rules of retention, without I/O: plans and what they entitle to, what is paid for, and who processes data."""
