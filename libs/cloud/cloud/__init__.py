"""Google Cloud behind three small ports: objects (Cloud Storage), secrets (Secret Manager) and a key to wrap others with (Cloud KMS).

    from cloud.objects import GoogleObjects
    from cloud.secrets import GoogleSecrets
    from cloud.kms import GoogleKms

The same Google clients run in the cloud and on one machine; only the endpoint, the authority and the token differ.
Not for: Pub/Sub (`messaging.google`), and what is inside an object or a secret.
"""

from cloud.endpoint import Endpoint

__all__ = ["Endpoint"]
