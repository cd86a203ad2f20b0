"""The raw protobuf classes of Google's Pub/Sub API.

Annotations elsewhere name the proto-plus classes (`types.PublishRequest`), because those are what Google documents and
types; the objects that travel are their raw counterparts below, which have the same fields and cost about a tenth.
"""

from typing import Any

from google.protobuf import empty_pb2
from google.protobuf.message import Message
from google.pubsub_v1 import types

Empty = empty_pb2.Empty
__all__ = ["Message"]

# proto-plus has no type information for `pb()`, hence Any at this one place.
PubsubMessage: Any = types.PubsubMessage.pb()
Topic: Any = types.Topic.pb()
Subscription: Any = types.Subscription.pb()
PublishRequest: Any = types.PublishRequest.pb()
PublishResponse: Any = types.PublishResponse.pb()
GetTopicRequest: Any = types.GetTopicRequest.pb()
ListTopicsRequest: Any = types.ListTopicsRequest.pb()
ListTopicsResponse: Any = types.ListTopicsResponse.pb()
ListTopicSubscriptionsRequest: Any = types.ListTopicSubscriptionsRequest.pb()
ListTopicSubscriptionsResponse: Any = types.ListTopicSubscriptionsResponse.pb()
DeleteTopicRequest: Any = types.DeleteTopicRequest.pb()
GetSubscriptionRequest: Any = types.GetSubscriptionRequest.pb()
UpdateSubscriptionRequest: Any = types.UpdateSubscriptionRequest.pb()
ListSubscriptionsRequest: Any = types.ListSubscriptionsRequest.pb()
ListSubscriptionsResponse: Any = types.ListSubscriptionsResponse.pb()
DeleteSubscriptionRequest: Any = types.DeleteSubscriptionRequest.pb()
PullRequest: Any = types.PullRequest.pb()
PullResponse: Any = types.PullResponse.pb()
StreamingPullRequest: Any = types.StreamingPullRequest.pb()
StreamingPullResponse: Any = types.StreamingPullResponse.pb()
AcknowledgeRequest: Any = types.AcknowledgeRequest.pb()
ModifyAckDeadlineRequest: Any = types.ModifyAckDeadlineRequest.pb()
ModifyPushConfigRequest: Any = types.ModifyPushConfigRequest.pb()
