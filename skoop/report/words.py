"""What the closed sets of answers are called, in every format alike."""

from __future__ import annotations

from skoop.model.disposition import Disposition
from skoop.report.document import EndpointDoc, PathNodeDoc, ResultDoc

ENDS = {
    Disposition.DELIVERED.value: "arrives",
    Disposition.LEFT_NETWORK.value: "leaves the network skoop knows",
    Disposition.REFUSED.value: "refused: nothing listens there",
    Disposition.REJECTED.value: "rejected by a rule",
    Disposition.DROPPED.value: "dropped without an answer",
    Disposition.NO_ROUTE.value: "no route",
    Disposition.BLACKHOLED.value: "swallowed by a route",
    Disposition.NEIGHBOUR_UNREACHABLE.value: "the next hop cannot be reached",
    Disposition.LINK_DOWN.value: "a link is down",
    Disposition.MTU_EXCEEDED.value: "too big for the way",
    Disposition.RPF_FAILED.value: "dropped by the reverse path filter",
    Disposition.LOOP.value: "goes in a circle",
    Disposition.NO_ENDPOINT.value: "the Service has no endpoint",
    Disposition.INSUFFICIENT_INFO.value: "cannot be told from what was collected",
}
"""What became of a packet, by its disposition."""
WAYS = {"forward": "on the way there", "return": "on the way back"}
LEGS = {"forward": "The way there", "return": "The way back"}
ARRIVED = Disposition.DELIVERED.value
LEFT = Disposition.LEFT_NETWORK.value
UNTOLD = Disposition.INSUFFICIENT_INFO.value


def full_name(one: EndpointDoc | PathNodeDoc) -> str:
    """ "shop/api" or "k1"."""
    return f"{one.namespace}/{one.name}" if one.namespace else one.name


def endpoint(one: EndpointDoc) -> str:
    """ "service shop/api"."""
    return f"{one.kind} {full_name(one)}"


def endpoint_at(one: EndpointDoc) -> str:
    """ "service shop/api (10.96.0.20) port 80"."""
    ip = f" ({one.ip})" if one.ip and one.ip != one.name else ""
    return f"{endpoint(one)}{ip}" + (f" port {one.port}" if one.port else "")


def question(result: ResultDoc) -> str:
    """ "pod default/cli -> service shop/web port 80/tcp"."""
    target, protocol = result.destination, result.protocol
    way = f"port {target.port}/{protocol}" if target.port else f"({protocol})"
    return f"{endpoint(result.source)} -> {endpoint(target)} {way}"


def share(weight: float) -> str:
    """ "33.3%", and never a rounded 0% or 100% for what is neither."""
    percent = weight * 100
    if 0 < percent < 0.1:
        return "<0.1%"
    if 99.9 < percent < 99.9999:
        return ">99.9%"
    return f"{percent:.1f}".removesuffix(".0") + "%"


def some(names: list[str], shown: int = 2) -> str:
    """The first few different names, and how many more there are."""
    different = list(dict.fromkeys(names))
    more = len(different) - shown
    return ", ".join(different[:shown]) + (f" and {more} more" if more > 0 else "")
