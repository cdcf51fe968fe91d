"""Networks that routers between the nodes know because the CNI tells them, by BGP."""

from __future__ import annotations

from collections.abc import Container, Mapping

from msgspec import Struct

from skoop.diagnose.underlay import Arrives, Beyond, Carried, Splits, Underlay
from skoop.diagnose.world import World
from skoop.model.address import Family, Prefix
from skoop.model.packet import Packet
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.walk.events import Crossing, Frame


class Advertised(Struct, frozen=True):
    """An underlay whose routers send some networks to nodes: `networks` maps each to the node's
    address. What a packet meets before it gets to a router is the plain underlay's matter."""

    plain: Underlay
    world: World
    networks: Mapping[Prefix, tuple[Family, int]]

    def mac_of(self, stack: Stack, link: Link, family: Family, nexthop: int) -> str:
        """As the plain underlay has it."""
        return self.plain.mac_of(stack, link, family, nexthop)

    def takes(self, family: Family, source: int, destination: int) -> bool:
        """As the plain underlay has it."""
        return self.plain.takes(family, source, destination)

    def enter(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Carried | Splits:
        """As the plain underlay has it."""
        return self.plain.enter(packet, crossings)

    def carry(
        self, stack: Stack, link: Link, frame: Frame, nexthop: int, spoken: Container[str],
        crossings: tuple[Crossing, ...] = (),
    ) -> Carried | Splits:  # fmt: skip
        """A packet that has got to a router is taken on to the node that advertised its
        destination, if that was collected and is another one. A cloud's router is told nothing."""
        found = self.plain.carry(stack, link, frame, nexthop, spoken, crossings)
        if not isinstance(found, Beyond) or found.journey.stays:
            return found
        owner = self._advertiser(frame.packet.family, frame.packet.dst)
        if owner is None:
            return found
        if nexthop == frame.packet.dst:
            why = f"nobody on {link.name} has it: it is a pod's, which only routers know"
            return Beyond(found.gateway, why, lost=True)
        for other, device in self.world.owners(*owner):
            if other is not stack and device.up:
                how = f"by the router {found.gateway}, which is told of it by BGP, to {other.id}"
                return Arrives(other, device, device.mac, how, routed=True)
        return found

    def _advertiser(self, family: Family, address: int) -> tuple[Family, int] | None:
        holding = [
            prefix
            for prefix in self.networks
            if prefix.family is family and prefix.contains(address)
        ]
        if not holding:
            return None
        return self.networks[max(holding, key=lambda prefix: prefix.length)]
