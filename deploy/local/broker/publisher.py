"""google.pubsub.v1.Publisher: the calls the project uses."""

from google.pubsub_v1 import types

from local.broker import schema
from local.broker.access import Guard
from local.broker.catalog import Catalog
from local.broker.clock import Clock
from local.broker.journal import Journal
from local.broker.paging import page
from local.broker.publishing import bodies
from local.rpc import Call, unary_method
from local.rpc.methods import Answer, Methods


class Publisher:
    """Each method takes the raw request and answers as Google's server does."""

    service = "google.pubsub.v1.Publisher"

    def __init__(self, catalog: Catalog, journal: Journal, guard: Guard, clock: Clock) -> None:
        self._catalog = catalog
        self._journal = journal
        self._guard = guard
        self._clock = clock

    def methods(self) -> Methods:
        return {
            "CreateTopic": unary_method(self.create_topic, schema.Topic),
            "GetTopic": unary_method(self.get_topic, schema.GetTopicRequest),
            "ListTopics": unary_method(self.list_topics, schema.ListTopicsRequest),
            "ListTopicSubscriptions": unary_method(self.list_subscriptions, schema.ListTopicSubscriptionsRequest),
            "DeleteTopic": unary_method(self.delete_topic, schema.DeleteTopicRequest),
            "Publish": unary_method(self.publish, schema.PublishRequest),
        }

    async def create_topic(self, request: types.Topic, call: Call) -> Answer:
        self._guard.may_administer(call, request.name)
        topic = self._catalog.create_topic(request)
        await self._journal.settled()
        return raw(topic.config)

    async def get_topic(self, request: types.GetTopicRequest, call: Call) -> Answer:
        self._guard.known(call)
        return raw(self._catalog.topic(request.topic).config)

    async def list_topics(self, request: types.ListTopicsRequest, call: Call) -> Answer:
        self._guard.known(call)
        inside = [t for name, t in sorted(self._catalog.topics.items()) if name.startswith(f"{request.project}/")]
        topics, token = page(inside, request.page_size, request.page_token)
        return raw(schema.ListTopicsResponse(topics=[t.config for t in topics], next_page_token=token))

    async def list_subscriptions(self, request: types.ListTopicSubscriptionsRequest, call: Call) -> Answer:
        self._guard.known(call)
        attached = sorted(s.name for s in self._catalog.topic(request.topic).subscriptions)
        found, token = page(attached, request.page_size, request.page_token)
        return raw(schema.ListTopicSubscriptionsResponse(subscriptions=found, next_page_token=token))

    async def delete_topic(self, request: types.DeleteTopicRequest, call: Call) -> Answer:
        self._guard.may_administer(call, request.topic)
        self._catalog.delete_topic(request.topic)
        await self._journal.settled()
        return schema.Empty()

    async def publish(self, request: types.PublishRequest, call: Call) -> Answer:
        """Answers once the messages are written to the log."""
        self._guard.may_publish(call, request.topic)
        topic = self._catalog.topic(request.topic)
        checked = bodies(request, self._clock.now())
        first = self._catalog.publish(topic, checked)
        await self._journal.settled()
        return raw(schema.PublishResponse(message_ids=[str(first + i) for i in range(len(checked))]))


def raw(message: object) -> Answer:
    """Names the type of a raw protobuf message, which proto-plus leaves open."""
    if not isinstance(message, schema.Message):
        raise TypeError(f"{type(message).__name__} is not a protobuf message")
    return message
