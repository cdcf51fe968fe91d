"""A node with IPVS: what becomes of packets to its virtual servers."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, format_ip, parse_ip, parse_prefix
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet, Proto, TcpFlag
from skoop.netstack.ipvs.table import Forward, IpvsTable, RealServer, VirtualServer
from skoop.netstack.stack import Stack
from skoop.netstack.state import (
    Address,
    Gap,
    Link,
    Namespace,
    NextHop,
    PolicyRule,
    Route,
    RouteType,
)
from skoop.netstack.walk.events import Branch, Event, Local, Resolve, Stopped
from skoop.netstack.walk.input import receive_ip
from skoop.netstack.walk.output import send

VIP, NODE, CLIENT = "10.96.0.1", "172.30.0.11", "10.244.1.9"
REMOTE, OTHER = "10.244.2.3", "10.244.2.4"


def table(*servers: RealServer, scheduler: str = "rr", port: int = 80) -> IpvsTable:
    virtual = VirtualServer(
        proto=Proto.TCP, address=parse_ip(VIP), port=port, scheduler=scheduler, servers=servers,
        raw=f"TCP {VIP}:{port} {scheduler}",
    )  # fmt: skip
    return IpvsTable((virtual,))


def real(ip: str, weight: int = 1, forward: Forward = Forward.MASQ) -> RealServer:
    return RealServer(parse_ip(ip), 8080, weight, forward)


def stack(balancer: IpvsTable, *, conntrack: str = "1", gaps: tuple[Gap, ...] = ()) -> Stack:
    own = {VIP: "kube-ipvs0", NODE: "eth0", "10.244.1.1": "cni0"}
    local = [
        Route(destination=parse_prefix(ip), type=RouteType.LOCAL, table="local",
              nexthops=(NextHop(device),))
        for ip, device in own.items()
    ]  # fmt: skip
    routes = [
        Route(destination=parse_prefix("10.244.1.0/24"), nexthops=(NextHop("cni0"),)),
        Route(destination=parse_prefix("0.0.0.0/0"),
              nexthops=(NextHop("eth0", parse_ip("172.30.0.1")),)),
    ]  # fmt: skip
    rules = tuple(
        PolicyRule(family=Family.V4, priority=number, target=name)
        for number, name in ((0, "local"), (32766, "main"), (32767, "default"))
    )
    links = tuple(
        Link(index=n, name=name, kind=kind)
        for n, (name, kind) in enumerate(
            {"lo": "loopback", "eth0": "", "cni0": "bridge", "kube-ipvs0": "dummy"}.items(), 1
        )
    )
    addresses = tuple(
        Address(device, *parse_ip(ip), parse_prefix(ip)) for ip, device in own.items()
    )
    return Stack(
        Namespace(
            id="node/k1", links=links, addresses=addresses, rules=rules,
            routes=(*local, *routes), ipvs=balancer, gaps=gaps,
            sysctls={"net.ipv4.ip_forward": "1", "net.ipv4.conf.cni0.forwarding": "1",
                     "net.ipv4.conf.eth0.forwarding": "1", "net.ipv4.vs.conntrack": conntrack},
        )
    )  # fmt: skip


def syn(port: int = 80, source: str = CLIENT) -> Packet:
    return Packet(
        family=Family.V4, proto=Proto.TCP, src=parse_ip(source)[1], dst=parse_ip(VIP)[1],
        sport=40000, dport=port, flags=TcpFlag.SYN, ttl=64,
    )  # fmt: skip


def sent_to(events: list[Event]) -> dict[str, float]:
    found = {}
    for event in events:
        assert isinstance(event, Resolve), event
        packet = event.packet
        found[f"{format_ip(packet.family, packet.dst)}:{packet.dport}"] = event.branch.weight
    return found


SHARES = {
    "one server": (table(real(REMOTE)), {f"{REMOTE}:8080": 1.0}),
    "two, in turn": (
        table(real(REMOTE), real(OTHER, 3)), {f"{REMOTE}:8080": 0.5, f"{OTHER}:8080": 0.5},
    ),
    "two, by weight": (
        table(real(REMOTE), real(OTHER, 3), scheduler="wrr"),
        {f"{REMOTE}:8080": 0.25, f"{OTHER}:8080": 0.75},
    ),
    "without the one that drains": (
        table(real(REMOTE, 0), real(OTHER)), {f"{OTHER}:8080": 1.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHARES)
def test_a_packet_is_sent_on_to_each_server_by_its_share(name: str) -> None:
    balancer, shares = SHARES[name]
    events = receive_ip(stack(balancer), "cni0", syn(), Branch())
    assert sent_to(events) == shares
    assert all(e.packet.ttl == 63 for e in events if isinstance(e, Resolve))


def test_the_nodes_own_packet_is_sent_on_too() -> None:
    sent = send(stack(table(real(REMOTE))), replace(syn(), src=0), Branch())
    assert sent_to(sent) == {f"{REMOTE}:8080": 1.0}
    (event,) = sent
    assert isinstance(event, Resolve)
    assert event.packet.source == VIP  # of kube-ipvs0; masquerading is what mends it
    assert event.packet.ttl == 64


def test_a_server_on_this_very_node_gets_it_in_input() -> None:
    (event,) = receive_ip(stack(table(real(NODE))), "cni0", syn(), Branch())
    assert isinstance(event, Local)
    assert (event.packet.destination, event.packet.dport) == (NODE, 8080)


@pytest.mark.parametrize(
    "balancer", [table(), table(real(REMOTE, 0))], ids=["no server", "only weight 0"]
)
def test_without_a_server_the_client_is_refused(balancer: IpvsTable) -> None:
    (event,) = receive_ip(stack(balancer), "cni0", syn(), Branch())
    assert isinstance(event, Stopped)
    assert event.stop.disposition is Disposition.REJECTED
    assert event.answer is not None
    assert event.answer.source == VIP


def test_another_port_goes_to_the_nodes_own_sockets() -> None:
    (event,) = receive_ip(stack(table(real(REMOTE))), "cni0", syn(port=81), Branch())
    assert isinstance(event, Local)


def test_an_answer_gets_the_virtual_address_back() -> None:
    node = stack(table(real(REMOTE)))
    (out,) = receive_ip(node, "cni0", syn(), Branch())
    assert isinstance(out, Resolve)
    answer = Packet(
        family=Family.V4, proto=Proto.TCP, src=parse_ip(REMOTE)[1], dst=parse_ip(CLIENT)[1],
        sport=8080, dport=40000, flags=TcpFlag.SYN | TcpFlag.ACK, ttl=63,
    )  # fmt: skip
    (back,) = receive_ip(node, "eth0", answer, out.branch)
    assert isinstance(back, Resolve)
    assert (back.packet.source, back.packet.sport) == (VIP, 80)
    (more,) = receive_ip(node, "cni0", replace(syn(), flags=TcpFlag.ACK), back.branch)
    assert isinstance(more, Resolve)
    assert (more.packet.destination, more.packet.dport) == (REMOTE, 8080)


NOT_MODELLED = {
    "direct routing": stack(table(real(REMOTE, forward=Forward.ROUTE))),
    "without conntrack": stack(table(real(REMOTE)), conntrack="0"),
}


@pytest.mark.parametrize("name", NOT_MODELLED)
def test_what_is_not_modelled_is_said_and_not_guessed(name: str) -> None:
    (event,) = receive_ip(NOT_MODELLED[name], "cni0", syn(), Branch())
    (guess,) = event.branch.guesses
    assert "not modelled" in guess.unknown.why


def test_a_table_that_was_not_collected_leaves_the_packet_undecided() -> None:
    node = stack(IpvsTable(), gaps=(Gap("ipvs", "/proc/net/ip_vs was not collected"),))
    (event,) = receive_ip(node, "cni0", syn(), Branch())
    assert isinstance(event, Stopped)
    assert event.stop.disposition is Disposition.INSUFFICIENT_INFO
    assert "/proc/net/ip_vs" in event.stop.detail
