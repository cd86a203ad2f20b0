"""A Pub/Sub for one machine: Google's gRPC API, messages kept on disk, misbehaviour on demand.

    async with await Broker.start(BrokerSettings(directory)) as broker:
        channel = grpc.aio.insecure_channel(broker.address)   # then Google's own clients

As a process: `python -m local.broker --dir D --port P`. All live messages are held in memory as well as on disk, which
fits one machine; it is not for production. Not supported because the project does not use it: filters, exactly-once
delivery, schemas, snapshots and seek, retention of acknowledged messages.
"""

from local.broker.access import Policy
from local.broker.clock import Clock, SystemClock
from local.broker.faults import Faults
from local.broker.server import Broker, BrokerSettings, Certificate
from local.broker.store import DamagedLog

__all__ = ["Broker", "BrokerSettings", "Certificate", "Clock", "DamagedLog", "Faults", "Policy", "SystemClock"]
