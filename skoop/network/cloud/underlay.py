"""The underlay of nodes that are in a cloud."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from skoop.diagnose.passage import Blocked, Gone, Journey, NodeEnd, Passage, Passages, Reached
from skoop.diagnose.plain_underlay import PlainUnderlay
from skoop.diagnose.underlay import Arrives, Beyond, Carried, Lost, Splits, no_carrier
from skoop.diagnose.world import World
from skoop.model.address import Family, Prefix
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Address
from skoop.model.packet import Packet
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link
from skoop.netstack.walk.events import Crossing, Frame

if TYPE_CHECKING:
    from skoop.network.cloud.shim import TreeShim


class CloudUnderlay:
    """The VPC's router takes every frame and looks at its destination address only. A node that
    is not in the tree is treated as on a plain network, which is said."""

    def __init__(
        self, shim: TreeShim, world: World, unroutable: tuple[Prefix, ...],
        claimed: Mapping[Address, str],
    ) -> None:  # fmt: skip
        self._shim = shim
        self._world = world
        self._plain = PlainUnderlay(world, unroutable, claimed)

    def mac_of(self, stack: Stack, link: Link, family: Family, nexthop: int) -> str:
        """The router answers for every address; its MAC means nothing."""
        return self._plain.mac_of(stack, link, family, nexthop)

    def carry(
        self, stack: Stack, link: Link, frame: Frame, nexthop: int, spoken: Container[str],
        crossings: tuple[Crossing, ...] = (),
    ) -> Carried | Splits:  # fmt: skip
        """Ask the shim where the packet goes."""
        packet = frame.packet
        if not link.carrier:
            return Lost(no_carrier(stack, link))
        certain = self._plain.gone(link, packet, nexthop) or self._plain.only_inside(
            packet, nexthop
        )
        if certain is not None:
            return certain
        node = self._world.machine_of.get(stack.id, "")
        end = NodeEnd(node, stack, link)
        expected = self._shim.view.node_for((packet.family, packet.dst))
        if expected and expected != node:
            passages = self._shim.node_to_node(end, expected, packet, crossings)
        else:
            passages = self._shim.node_to_external(end, packet, crossings)
        if passages:
            return self._carried(passages)
        plain = self._plain.carry(stack, link, frame, nexthop, spoken)
        note = NotChecked(f"the cloud under node {node}", "the node's machine was not found in it")
        return replace(plain, journey=Journey(notes=(note,)))

    def takes(self, family: Family, source: int, destination: int) -> bool:
        """Whether the cloud knows how such packets come in."""
        return self._shim.knows(family, source, destination)

    def enter(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Carried | Splits:
        """A load balancer, a public address, or another machine of the cloud takes it."""
        passages = self._shim.external_to_load_balancer(packet, crossings)
        passages = passages or self._shim.external_to_node(packet, crossings)
        if not passages:
            return Beyond(packet.destination, "nothing that was read of the cloud has it")
        return self._carried(passages)

    def _carried(self, passages: Passages) -> Carried | Splits:
        found = tuple((each.weight, self._end(each)) for each in passages)
        return found[0][1] if len(found) == 1 else Splits(found)

    def _end(self, passage: Passage) -> Carried:
        if isinstance(passage, Blocked):
            return Lost(passage.stop, packet=passage.packet, journey=passage.journey)
        if isinstance(passage, Gone):
            why = f"it is handed to {passage.where}"
            return Beyond(
                passage.where, why, answers=passage.answers, packet=passage.packet,
                journey=passage.journey,
            )  # fmt: skip
        return self._reached(passage)

    def _reached(self, passage: Reached) -> Carried:
        host = self._world.hosts.get(passage.node)
        link = self._device(host, passage) if host is not None else None
        if host is None or link is None:
            why = f"node {passage.node} was not collected"
            if host is not None:
                why = f"node {passage.node} has no device for the interface it comes in by"
            return Beyond(
                passage.node, why, packet=passage.packet, journey=passage.journey
            )  # fmt: skip
        return Arrives(
            host, link, link.mac, "", routed=True, packet=passage.packet, journey=passage.journey
        )

    def _device(self, host: Stack, passage: Reached) -> Link | None:
        """The node's device for an interface: by MAC, else by address, else the only one."""
        devices = [each for each in host.namespace.links if self._world.is_underlay(host, each)]
        family = passage.packet.family
        for each in devices:
            if passage.mac and each.mac.lower() == passage.mac.lower():
                return each
        for each in devices:
            if any(own.value == passage.address for own in host.addresses(each.name, family)):
                return each
        return devices[0] if len(devices) == 1 else None
