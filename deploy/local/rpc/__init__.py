"""What the two gRPC stand-ins (Pub/Sub, Secret Manager) share: refusals, bearer identities, method tables.

Not a client library: services talk to these servers only through Google's own clients.
"""

from local.rpc.identity import ANYONE, Identities
from local.rpc.methods import Call, call_of, stream_method, unary_method
from local.rpc.refusal import Refused

__all__ = ["ANYONE", "Call", "Identities", "Refused", "call_of", "stream_method", "unary_method"]
