"""A host's own packet: the errno it gets at once, or the way out."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from skoop.model.address import format_ip
from skoop.model.packet import Packet
from skoop.netstack.state import Gap
from skoop.netstack.walk.events import Errno, Reason, Resolve, Stopped
from skoop.netstack.walk.output import too_big_to_send
from tests.netstack.builders import ip, iptables, packet, rule
from tests.netstack.walk.rig import leave, only, router, told

FAR = packet("udp 0.0.0.0 -> 192.0.2.9:53")
FAR6 = packet("udp :: -> [fd99::9]:53")
NEAR = packet("udp 0.0.0.0 -> 10.0.1.9:53")

ERRNOS: dict[str, tuple[Packet, dict[str, Any], Errno]] = {
    "no route": (FAR, {}, Errno.ENETUNREACH),
    "v6 no route": (FAR6, {}, Errno.ENETUNREACH),
    "unreachable": (FAR, {"routes": ["unreachable 192.0.2.0/24"]}, Errno.EHOSTUNREACH),
    "prohibit": (FAR, {"routes": ["prohibit 192.0.2.0/24"]}, Errno.EACCES),
    "blackhole": (FAR, {"routes": ["blackhole 192.0.2.0/24"]}, Errno.EINVAL),
    "throw": (FAR, {"routes": ["throw 192.0.2.0/24"]}, Errno.ENETUNREACH),
    "unreachable rule": (FAR, {"rules": [rule(9, action="unreachable")]}, Errno.ENETUNREACH),
    "prohibit rule": (FAR, {"rules": [rule(9, action="prohibit")]}, Errno.EACCES),
    "blackhole rule": (FAR, {"rules": [rule(9, action="blackhole")]}, Errno.EINVAL),
    "dropped in OUTPUT": (NEAR, {"rulesets": (iptables("-A OUTPUT -j DROP"),)}, Errno.EPERM),
    "rejected in OUTPUT": (NEAR, {"rulesets": (iptables("-A OUTPUT -j REJECT"),)}, Errno.EPERM),
    "a source it does not have": (
        packet("udp 10.7.7.7 -> 10.0.1.9:53"),
        {},
        Errno.EADDRNOTAVAIL,
    ),
}


@pytest.mark.parametrize(("sent", "state", "errno"), ERRNOS.values(), ids=ERRNOS.keys())
def test_the_senders_kernel_refuses_at_once(
    sent: Packet, state: dict[str, Any], errno: Errno
) -> None:
    event = only(leave(router(**state), sent))
    assert isinstance(event, Stopped)
    assert event.errno is errno
    assert event.stop.detail


LEAVES: dict[str, tuple[Packet, dict[str, Any], str, str]] = {
    "on link": (NEAR, {}, "out e1 to 10.0.1.9", "10.0.1.1"),
    "by a gateway": (
        FAR, {"routes": ["default via 10.0.0.254 dev e0"]}, "out e0 to 10.0.0.254", "10.0.0.1"),
    "with the route's source": (
        FAR, {"routes": ["default via 10.0.0.254 dev e0 src 10.0.1.1"]}, "out e0 to 10.0.0.254",
        "10.0.1.1"),
    "a source that the route chose is not asked about by rules": (
        FAR,
        {"routes": ["default dev e0", "default dev e1 table 100"],
         "rules": [rule(100, target="100", source="10.0.0.1/32")]},
        "out e0 to 192.0.2.9", "10.0.0.1"),
    "a source that is given is": (
        replace(FAR, src=ip("10.0.0.1")),
        {"routes": ["default dev e0", "default dev e1 table 100"],
         "rules": [rule(100, target="100", source="10.0.0.1/32")]},
        "out e1 to 192.0.2.9", "10.0.0.1"),
    "routed by the mark of mangle OUTPUT, source kept": (
        FAR,
        {"routes": ["default dev e0", "default dev e1 table 100"],
         "rules": [rule(100, target="100", fwmark=(7, 7))],
         "rulesets": (iptables("-t mangle -A OUTPUT -j MARK --set-mark 7"),)},
        "out e1 to 192.0.2.9", "10.0.0.1"),
    "routed again after DNAT in OUTPUT": (
        FAR,
        {"routes": ["default dev e0"],
         "rulesets": (iptables("-t nat -A OUTPUT -j DNAT --to-destination 10.0.1.9"),)},
        "out e1 to 10.0.1.9", "10.0.0.1"),
    "masqueraded on the way out": (
        FAR,
        {"routes": ["default dev e0", "default dev e1 table 100"],
         "rules": [rule(100, target="100", fwmark=(7, 7))],
         "rulesets": (iptables("-t mangle -A OUTPUT -j MARK --set-mark 7",
                               "-t nat -A POSTROUTING -o e1 -j MASQUERADE"),)},
        "out e1 to 192.0.2.9", "10.0.1.1"),
    "v6": (packet("udp :: -> [fd01::9]:53"), {}, "out e1 to fd01::9", "fd01::1"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "state", "expected", "source"), LEAVES.values(), ids=LEAVES.keys()
)
def test_leaves(sent: Packet, state: dict[str, Any], expected: str, source: str) -> None:
    event = only(leave(router(**state), sent))
    assert told(event) == expected
    assert isinstance(event, Resolve)
    assert format_ip(event.packet.family, event.packet.src) == source


def test_its_own_address_is_reached_by_lo() -> None:
    assert told(only(leave(router(), packet("udp 0.0.0.0 -> 10.0.1.1:53")))) == "loop"


def test_output_dnat_to_itself_comes_back_by_lo() -> None:
    rules = iptables("-t nat -A OUTPUT -d 192.0.2.9 -j REDIRECT --to-ports 15001")
    state = {"routes": ["default dev e0"], "rulesets": (rules,)}
    assert told(only(leave(router(**state), FAR))) == "loop"


def test_nat_in_output_to_nowhere() -> None:
    rules = iptables("-t nat -A OUTPUT -j DNAT --to-destination 192.0.2.77")
    event = only(leave(router(rulesets=(rules,)), NEAR))
    assert told(event) == "NO_ROUTE"


def test_a_route_to_a_device_that_is_not_there() -> None:
    event = only(leave(router(routes=["192.0.2.0/24 dev gone"]), replace(FAR, src=ip("10.0.0.1"))))
    assert isinstance(event, Stopped)
    assert event.stop.reason is Reason.LINK_MISSING


@pytest.mark.parametrize("part", ["routes", "rules"])
def test_what_was_not_collected_gives_no_errno(part: str) -> None:
    event = only(leave(router(gaps=(Gap(part, "no ip"),)), NEAR))
    assert isinstance(event, Stopped)
    assert (told(event), event.errno) == ("INSUFFICIENT_INFO", Errno.NONE)


SIZES = {
    "fits": (replace(NEAR, size=1500), False),
    "too long": (replace(NEAR, size=1501), True),
    "too long, may be fragmented": (replace(NEAR, size=1501, df=False), False),
    "to itself": (packet("udp 0.0.0.0 -> 10.0.1.1:53", size=9000), False),
    "too long for the route": (packet("udp 0.0.0.0 -> 192.0.2.9:53", size=1401), True),
}


@pytest.mark.parametrize(("sent", "refused"), SIZES.values(), ids=SIZES.keys())
def test_emsgsize(sent: Packet, refused: bool) -> None:
    stopped = too_big_to_send(router(routes=["192.0.2.0/24 dev e0 mtu 1400"]), sent)
    assert (stopped is not None) is refused
    assert stopped is None or stopped.errno is Errno.EMSGSIZE


def test_ecmp_weights_add_up() -> None:
    text = "192.0.2.0/24 nexthop via 10.0.1.2 dev e1 weight 2 nexthop via 10.0.0.2 dev e0"
    events = leave(router(routes=[text]), replace(FAR, src=ip("10.0.0.1")))
    assert sum(event.branch.weight for event in events) == pytest.approx(1)
    assert {told(event) for event in events} == {"out e1 to 10.0.1.2", "out e0 to 10.0.0.2"}


@pytest.mark.parametrize(("size", "fragment"), [(1488, 0), (1520, 1430)])
def test_what_a_bridge_has_put_together(size: int, fragment: int) -> None:
    """It goes on whole where it fits, and a smaller device after that refuses it; else as it came:
    the kernel's answers in tests/data/lab/seed-1795192235-*."""
    sent = packet("udp fd00::1 -> [fd01::9]:53", size=size, df=False, fragment=1430)
    event = only(leave(router(), replace(sent, src=0, joined=True)))
    assert isinstance(event, Resolve)
    assert (event.packet.fragment, event.packet.joined) == (fragment, False)
