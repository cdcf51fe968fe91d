"""Why a condition does not hold."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class MissKind(Enum):
    """Which part of a rule a connection did not meet."""

    POD_SELECTOR = "the pod's labels"
    NAMESPACE_SELECTOR = "the namespace's labels"
    IP_BLOCK = "the address"
    IP_EXCEPT = "an exception from the address range"
    PROTOCOL = "the protocol"
    PORT = "the port"
    PORT_RANGE = "the port range"
    NAMED_PORT = "the named port"
    SOURCE_PORT = "the source port"
    NODE_SELECTOR = "the node's labels"
    SERVICE_ACCOUNT = "the service account"
    SERVICE = "the Service's endpoints"
    ICMP = "the ICMP type"
    KIND = "the kind of endpoint"
    UNKNOWN = "something that cannot be decided"


class Miss(Struct, frozen=True):
    """A condition that does not hold. `text` is one clause that says what does not fit; `change`
    what would make it hold, "" when nothing sensible would."""

    kind: MissKind
    text: str
    change: str = ""
