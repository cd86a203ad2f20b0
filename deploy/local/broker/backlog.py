"""Messages waiting to be delivered: loose ones first come first served, keyed ones in lanes that keep their order."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from local.broker.consumer import Consumer, Room
from local.broker.message import Delivery


@dataclass(slots=True, eq=False)
class Lane:
    """All messages of one ordering key. `queue` waits; `out` is delivered and not yet settled, oldest first.

    `owner` is the stream that has the messages in `out`; None when nothing is out, or when they went to someone who
    takes no more of the key until they are settled. `held` is set while a retry delay lasts. `listing` is the list of
    lanes it stands in, if any.
    """

    key: str
    queue: deque[Delivery] = field(default_factory=deque)
    out: deque[Delivery] = field(default_factory=deque)
    owner: Consumer | None = None
    held: bool = False
    listing: "OrderedDict[Lane, None] | None" = None

    def hand_out(self, consumer: Consumer, room: Room, taken: list[Delivery]) -> None:
        """Moves waiting messages into `taken` while there is room."""
        queue = self.queue
        while queue and room.messages > 0:
            size = len(queue[0].message.data)
            if size > room.bytes and taken:
                room.bytes = 0
                break
            room.messages -= 1
            room.bytes -= size
            delivery = queue.popleft()
            self.out.append(delivery)
            taken.append(delivery)
            if consumer.one_per_key:
                break
        self.owner = consumer if consumer.sticky and self.out else None

    def settle(self, delivery: Delivery) -> list[Delivery]:
        """Notes an acknowledgement; returns what is now done for good, in order."""
        delivery.acked = True
        return self._settled_head()

    def remove(self, delivery: Delivery) -> list[Delivery]:
        """Takes out a dead letter, wherever it stands; returns what that settles."""
        self.out.remove(delivery)
        return self._settled_head()

    def _settled_head(self) -> list[Delivery]:
        done = []
        while self.out and self.out[0].acked:
            done.append(self.out.popleft())
        return done

    def rewind(self, delivery: Delivery) -> list[Delivery]:
        """Takes `delivery` and all after it back to the head of the queue; returns them, the newest first."""
        back: list[Delivery] = []
        while self.out:
            last = self.out.pop()
            last.acked = False
            back.append(last)
            if last is delivery:
                break
        self.queue.extendleft(back)
        return back


class Backlog:
    """What a subscription may hand out now."""

    __slots__ = ("_lanes", "_loose", "_loose_first", "_runnable")

    def __init__(self) -> None:
        self._loose: deque[Delivery] = deque()
        self._lanes: dict[str, Lane] = {}
        self._runnable: OrderedDict[Lane, None] = OrderedDict()
        self._loose_first = False

    def lane(self, key: str) -> Lane:
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
        return lane

    def add(self, delivery: Delivery) -> None:
        lane = delivery.lane
        if lane is None:
            self._loose.append(delivery)
            return
        lane.queue.append(delivery)
        if lane.listing is None:
            self.place(lane)

    def take(self, consumer: Consumer, room: Room) -> list[Delivery]:
        """Removes what fits. Lanes and loose messages take turns at going first, so that neither starves the other."""
        taken: list[Delivery] = []
        self._loose_first = not self._loose_first
        if self._loose_first:
            self._take_loose(room, taken)
        self._take_lanes(consumer.lanes, consumer, room, taken)
        self._take_lanes(self._runnable, consumer, room, taken)
        self._take_loose(room, taken)
        return taken

    def place(self, lane: Lane) -> None:
        """Puts a lane where the right consumer finds it, or nowhere while its messages must wait."""
        self._unlist(lane)
        if lane.held or not lane.queue:
            return
        if not lane.out:
            lane.owner = None
            self._stand(lane, self._runnable)
        elif lane.owner is not None and not lane.owner.gone:
            self._stand(lane, lane.owner.lanes)
            lane.owner.wake.set()

    def settled(self, lane: Lane) -> None:
        """After an acknowledgement: frees the lane for everyone once nothing of it is out."""
        if lane.out:
            return
        lane.owner = None
        self.place(lane)
        if not lane.queue and not lane.held:
            self._lanes.pop(lane.key, None)

    def hold(self, lane: Lane) -> None:
        """Keeps a lane from everyone until `release`."""
        lane.held = True
        self.place(lane)

    def release(self, lane: Lane) -> None:
        lane.held = False
        self.place(lane)
        self.settled(lane)

    def leave(self, consumer: Consumer) -> None:
        """A stream ended: what is out stays leased until it expires, what waits for it goes to others."""
        for lane in list(consumer.lanes):
            self.place(lane)

    @staticmethod
    def _stand(lane: Lane, listing: "OrderedDict[Lane, None]") -> None:
        listing[lane] = None
        lane.listing = listing

    @staticmethod
    def _unlist(lane: Lane) -> None:
        if lane.listing is not None:
            del lane.listing[lane]
            lane.listing = None

    def _take_lanes(
        self, listing: "OrderedDict[Lane, None]", consumer: Consumer, room: Room, taken: list[Delivery]
    ) -> None:
        for _ in range(len(listing)):
            if room.messages <= 0 or room.bytes <= 0 or not listing:
                return
            lane, _none = listing.popitem(last=False)
            lane.listing = None
            lane.hand_out(consumer, room, taken)
            self.place(lane)

    def _take_loose(self, room: Room, taken: list[Delivery]) -> None:
        loose = self._loose
        while loose and room.messages > 0 and room.bytes > 0:
            size = len(loose[0].message.data)
            if size > room.bytes and taken:
                return
            room.messages -= 1
            room.bytes -= size
            taken.append(loose.popleft())
