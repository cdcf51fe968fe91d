"""TCPMSS: the segment size that a SYN announces, set or clamped to the path (xt_TCPMSS.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection
from skoop.netstack.iptables.match.base import by_name
from skoop.netstack.iptables.target.base import Op, Option, Target, TargetType
from skoop.netstack.iptables.values import number
from skoop.netstack.mss import announced, clamped
from skoop.netstack.netfilter import View


def _build(options: tuple[Option, ...], family: Family) -> Target:  # noqa: ARG001
    """The packet goes on; what changes is what its receiver may send."""
    given = by_name(options)
    fixed = number(given["set-mss"].value) if "set-mss" in given else 0

    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        changed = announced(packet, fixed) if fixed else clamped(packet, view)
        return changed, view.ct

    return Target(op=Op.CONTINUE, effect="set the announced MSS", change=change)


TCPMSS = TargetType("TCPMSS", {"set-mss": 1, "clamp-mss-to-pmtu": 0}, _build)
