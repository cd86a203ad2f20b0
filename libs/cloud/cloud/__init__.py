"""Google Cloud behind two small ports: objects (Cloud Storage) and secrets (Secret Manager).

    from cloud.objects import GoogleObjects
    from cloud.secrets import GoogleSecrets

The same Google clients run in the cloud and on one machine; only the endpoint, the authority and the token differ.
Not for: Pub/Sub (`messaging.google`), and what is inside an object or a secret.
"""

from cloud.endpoint import Endpoint

__all__ = ["Endpoint"]
