"""-m physdev: bridge ports of a frame that br_netfilter shows to iptables (xt_physdev.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.interface import Interface, read_interface
from skoop.netstack.iptables.match.base import Match, MatchType, Option, by_name
from skoop.netstack.netfilter import View


def _flag_holds(option: Option | None, holds: bool) -> bool:
    return option is None or holds is not option.inverted


def _port_in(option: Option | None, wanted: Interface, port: str) -> bool:
    """A frame without an input port passes: the kernel compares only when there is one."""
    return option is None or not port or wanted.matches(port) is not option.inverted


def _port_out(option: Option | None, wanted: Interface, port: str) -> bool:
    """A frame without an output port fails, negated or not."""
    return option is None or (bool(port) and wanted.matches(port) is not option.inverted)


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """A packet that no bridge handled matches only when every option is negated."""
    given = by_name(options)
    port_in, port_out = given.get("physdev-in"), given.get("physdev-out")
    wanted_in = read_interface(port_in.value if port_in else "")
    wanted_out = read_interface(port_out.value if port_out else "")
    is_in, is_out = given.get("physdev-is-in"), given.get("physdev-is-out")
    bridged = given.get("physdev-is-bridged")
    without_bridge = all(option.inverted for option in options)

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        came, goes = view.physin, view.physout
        if not came and not goes:
            return without_bridge
        return (
            _flag_holds(bridged, bool(goes))
            and _flag_holds(is_in, bool(came))
            and _flag_holds(is_out, bool(goes))
            and _port_in(port_in, wanted_in, came)
            and _port_out(port_out, wanted_out, goes)
        )

    return Match(test=test)


MATCH = MatchType(
    "physdev",
    {
        "physdev-in": 1,
        "physdev-out": 1,
        "physdev-is-in": 0,
        "physdev-is-out": 0,
        "physdev-is-bridged": 0,
    },
    build,
)
