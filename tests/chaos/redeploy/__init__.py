"""Rolling services while they are used: who uses them, who counts what is lost, and what a wrong way of rolling would do.

Nothing here asks a service how it thinks it did: messages are counted by subscriptions beside the services' own, effects by rows of their
databases, errors by clients at the front door.
"""
