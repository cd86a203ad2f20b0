"""The sandbox: the outside world on one machine, over TLS.

It answers as Gong, HubSpot, Slack, OpenAI, Anthropic, Clerk and Stripe do, each under a base path of its own, and serves the keys
that sign the embedded Pub/Sub's push tokens as Google would. The services run the same code against it as against the real providers:
only base URLs and keys differ. Its language model is a stand-in and says so by construction: every quote it returns is a
sentence of the transcript it was sent.

Run it with ``python -m local.sandbox --config file.json``, or in-process with :func:`local.sandbox.server.running`.
README.md beside this file lists its endpoints and controls. It is not a place for product code: nothing in the services may import it.
"""
