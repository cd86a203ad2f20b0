"""audit: the log in which a workspace's admins see who changed what, when, and how.

It hears of each change on the topic `audit`, exactly once, and shows it at `/audit`. Not for: deciding what is worth auditing (the service
that makes a change says so in the transaction that makes it).
"""
