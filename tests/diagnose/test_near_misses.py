# ruff: noqa: E501  (one cause and its near miss a row)
"""Causes, each with a cluster so like it that only what the cause speaks of is different."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from msgspec.structs import replace

from skoop.model.disposition import Verdict
from skoop.netstack.conntrack import CtStatus
from skoop.netstack.state import CtTable, Namespace
from tests.diagnose.diagnosed import diagnose
from tests.diagnose.test_conversation_faults import (
    Where,
    broken,
    fdb,
    learned,
    no_routes,
    on,
    sockets,
    without_device,
)
from tests.diagnose.worlds import (
    A1,
    B1,
    K1,
    Change,
    pod_mac,
    to,
    with_port,
    with_routes,
    with_rules,
    without_routes,
)
from tests.netstack.builders import address, connected, ct_entry, iptables


class Case(NamedTuple):
    """`holds` is the cluster with the cause, which is at `place`; `near` the other one, where
    `instead` is said first ("": nothing at all)."""

    asked: tuple[str, str]
    place: str
    holds: Where
    near: Where
    instead: str = ""


def rules(*texts: str) -> Change:
    return with_rules(iptables(*texts))


def another_address(text: str) -> Change:
    """With the routes that the kernel makes for it."""
    added = address(text)

    def apply(space: Namespace) -> Namespace:
        routes = tuple(replace(each, protocol="kernel") for each in connected([added]))
        return replace(space, addresses=(*space.addresses, added), routes=(*space.routes, *routes))

    return apply


def no_address(space: Namespace) -> Namespace:
    stays = tuple(each for each in space.addresses if each.device != "eth0")
    return replace(no_routes(space), addresses=stays)


def taken(*ports: int) -> Change:
    """Connections from k1's address and these ports to b1's, translated."""
    entries = tuple(
        ct_entry(
            f"tcp {A1}:{port - 30000} {B1}:80",
            f"tcp {B1}:80 {K1}:{port}",
            status=CtStatus.SNAT,
            tcp_state="ESTABLISHED",
        )
        for port in ports
    )
    return lambda space: replace(space, conntrack=CtTable(entries=entries, count=len(entries)))


DEAF = with_port("veth2", flood=False, learning=False)
LEARNED = fdb(learned("veth2", pod_mac(1, 2)), learned("veth1", pod_mac(1, 1)))
NOT_SEEN_WHOLE = rules("-A FORWARD -m conntrack --ctstate INVALID,UNTRACKED -j DROP")
# A server whose subnet is off the link answers by its gateway what it was asked over the bridge.
BY_THE_GATEWAY = without_routes(to("10.244.1.0/24"))
UFW = "-A INPUT -j ufw-user-input"
RPFILTER = rules("-t raw -A PREROUTING -m rpfilter --invert -j DROP")
TWO_PORTS = rules(f"-t nat -A POSTROUTING -s {A1} -p tcp -j SNAT --to-source {K1}:40000-40001")
TO_THE_PROXY = rules("-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 15006")

CASES = {
    "bridge-flood-off": Case(
        ("a1", "a2"), "k1", on("node/k1", DEAF), near=on("node/k1", DEAF, LEARNED)),
    "cidr-overlap": Case(
        ("a1", "b1"), "k1", on("node/k1", another_address("10.244.2.9/25 eth0")),
        near=on("node/k1", another_address("10.244.2.200/25 eth0"))),
    "cidr-overlap: a route that somebody made": Case(
        ("a1", "b1"), "k1", on("node/k1", another_address("10.244.2.9/25 eth0")),
        near=on("node/k1", with_routes("10.244.2.0/25 dev eth0")),
        instead="route-shadowed-by-more-specific"),
    "conntrack-asymmetric-invalid": Case(
        ("a1", "a2"), "k1", (*on("node/k1", NOT_SEEN_WHOLE), *on("pod/t/a2", BY_THE_GATEWAY)),
        near=on("node/k1", NOT_SEEN_WHOLE)),
    "conntrack-asymmetric-invalid: no rule against it": Case(
        ("a1", "a2"), "k1", (*on("node/k1", NOT_SEEN_WHOLE), *on("pod/t/a2", BY_THE_GATEWAY)),
        near=on("pod/t/a2", BY_THE_GATEWAY)),
    "guest-firewall": Case(
        ("k1", "k2"), "k2", on("node/k2", rules(UFW, "-A ufw-user-input -p tcp --dport 80 -j DROP")),
        near=on("node/k2", rules(
            UFW, "-A ufw-user-input -p tcp --dport 80 -j ACCEPT", "-A ufw-user-input -j DROP"))),
    "guest-firewall: somebody's own rule": Case(
        ("a1", "k1"), "k1", on("node/k1", rules(UFW, "-A ufw-user-input -s 10.244.1.2 -j DROP")),
        near=on("node/k1", rules("-A INPUT -j mine", "-A mine -s 10.244.1.2 -j DROP")),
        instead="filter-drop"),
    "mangle-drop": Case(
        ("a1", "b1"), "k1", on("node/k1", rules("-t mangle -A FORWARD -s 10.244.1.2 -j DROP")),
        near=on("node/k1", rules("-t mangle -A FORWARD -s 10.244.1.3 -j DROP"))),
    "mangle-drop: in another table": Case(
        ("a1", "b1"), "k2", on("node/k2", rules("-t mangle -A POSTROUTING -d 10.244.2.2 -j DROP")),
        near=on("node/k2", rules("-A FORWARD -d 10.244.2.2 -j DROP")), instead="filter-drop"),
    "rpfilter-match-drop": Case(
        ("a1", "b1"), "k2", on("node/k2", RPFILTER, with_routes("10.244.1.2/32 dev cni0")),
        near=on("node/k2", RPFILTER)),
    "sidecar-redirect-broken": Case(
        ("a1", "b1"), "t/b1", on("pod/t/b1", TO_THE_PROXY),
        near=on("pod/t/b1", TO_THE_PROXY, sockets("tcp 0.0.0.0:80", "tcp 0.0.0.0:15006"))),
    "sidecar-redirect-broken: on the way out": Case(
        ("a1", "b1"), "t/a1",
        on("pod/t/a1", rules("-t nat -A OUTPUT -p tcp ! -o lo -j REDIRECT --to-ports 15001")),
        near=on("node/k1", rules("-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 15001")),
        instead="unexpected-dnat"),
    "snat-ports-exhausted": Case(
        ("a1", "b1"), "k1", on("node/k1", TWO_PORTS, taken(40000, 40001)),
        near=on("node/k1", TWO_PORTS, taken(40000)), instead="unexpected-snat"),
    "veth-missing": Case(
        ("a1", "b1"), "t/b1",
        (*on("pod/t/b1", without_device("eth0")), *on("node/k2", without_device("veth1"))),
        near=on("pod/t/b1", no_address), instead="ip-mismatch-api-vs-netns"),
    "veth-missing: the client's": Case(
        ("a1", "b1"), "t/a1",
        (*on("pod/t/a1", without_device("eth0")), *on("node/k1", without_device("veth1"))),
        near=on("pod/t/a1", without_routes(to("default"))), instead="pod-default-route-missing"),
}  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_the_cause_is_named_first_where_it_is(title: str) -> None:
    case = CASES[title]
    made = diagnose(broken(case.holds), *case.asked)
    assert made.verdict in (Verdict.UNREACHABLE, Verdict.UNKNOWN)
    first = made.suspicions[0]
    assert (first.name, first.where.name, first.blocking) == (title.split(":")[0], case.place, True)


@pytest.mark.parametrize("title", CASES)
def test_the_near_miss_is_not_taken_for_it(title: str) -> None:
    case = CASES[title]
    made = diagnose(broken(case.near), *case.asked)
    assert title.split(":")[0] not in {each.name for each in made.suspicions}
    first = made.suspicions[:1]
    assert "".join(each.name for each in first) == case.instead
    assert any(each.blocking for each in first) is (made.verdict is not Verdict.REACHABLE)
