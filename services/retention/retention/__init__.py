"""retention: which plan a workspace is on, what that entitles it to, and how long its reports stay visible.

It gives each new workspace the trial plan, follows what is paid for at Stripe, and tells all services of every change. Nothing is
deleted by age: what is older than the window is hidden where it is read. Not for: reading or hiding reports, or metering calls (analysis
does both).
"""
