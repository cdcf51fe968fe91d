"""TPROXY: hand a packet to a local socket without changing it (xt_TPROXY.c).

With a transparent socket for it the packet is marked and accepted, without one dropped; the walk
decides that, because it knows the sockets.
"""

from __future__ import annotations

from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.packet import Packet
from skoop.netstack.conntrack import Connection
from skoop.netstack.iptables.match.base import by_name
from skoop.netstack.iptables.target.base import Ending, Op, Option, Target, TargetType
from skoop.netstack.iptables.values import address, decimal, value_and_mask
from skoop.netstack.netfilter import Action, Tproxy, View


def build(options: tuple[Option, ...], family: Family) -> Target:
    """--on-port, --on-ip, --tproxy-mark."""
    given = by_name(options)
    value, mask = value_and_mask(given["tproxy-mark"].value) if "tproxy-mark" in given else (0, 0)
    ending = Ending(
        Action.TPROXY,
        tproxy=Tproxy(
            address(given["on-ip"].value, family) if "on-ip" in given else 0,
            decimal(given["on-port"].value) if "on-port" in given else 0,
        ),
    )

    def change(packet: Packet, view: View) -> tuple[Packet, Connection]:
        return replace(packet, mark=packet.mark & ~mask & 0xFFFFFFFF ^ value), view.ct

    return Target(
        op=Op.END,
        effect=f"tproxy to port {ending.tproxy.port}",
        change=change,
        end=lambda packet, view: ending,  # noqa: ARG005
    )


TPROXY = TargetType("TPROXY", dict.fromkeys(("on-port", "on-ip", "tproxy-mark"), 1), build)
