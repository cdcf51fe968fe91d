"""What routers know by BGP, between nodes that were collected."""

from __future__ import annotations

import pytest

from skoop.diagnose.advertised import Advertised
from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.underlay import Arrives, Beyond
from skoop.model.address import Family, parse_prefix
from skoop.netstack.walk.events import Frame
from tests.diagnose.worlds import A1, B1, K1, K2, cluster, world
from tests.netstack.builders import ip, packet

ROUTER = "172.30.0.254"


def carry(destination: str, nexthop: str, *, sender: str = "node/k1") -> Arrives | Beyond:
    made = world(cluster())
    networks = {
        parse_prefix("10.244.1.0/24"): (Family.V4, ip(K1)),
        parse_prefix("10.244.2.0/24"): (Family.V4, ip(K2)),
        parse_prefix("10.244.9.0/24"): (Family.V4, ip("172.30.0.9")),
    }
    underlay = Advertised(PlainUnderlay(made), made, networks)
    stack = made.stacks[sender]
    frame = Frame(packet(f"tcp {A1} -> {destination}:80"), "", "")
    found = underlay.carry(stack, stack.links["eth0"], frame, ip(nexthop), ())
    assert isinstance(found, Arrives | Beyond)
    return found


def test_a_router_takes_it_to_the_node_that_advertised_it() -> None:
    found = carry(B1, ROUTER)
    assert isinstance(found, Arrives)
    assert (found.stack.id, found.routed) == ("node/k2", True)


@pytest.mark.parametrize(
    ("destination", "why"),
    [("10.244.9.9", "a node that was not collected"), ("203.0.113.1", "nobody advertised it")],
)
def test_what_it_cannot_take_further_is_out_of_sight(destination: str, why: str) -> None:
    found = carry(destination, ROUTER)
    assert isinstance(found, Beyond), why
    assert not found.lost


def test_nobody_on_the_link_answers_for_a_pod() -> None:
    found = carry(B1, B1)
    assert isinstance(found, Beyond)
    assert found.lost


def test_a_router_does_not_send_it_back_to_the_sender() -> None:
    assert isinstance(carry("10.244.1.99", ROUTER), Beyond)
