"""The shim of every cloud with a resource tree: each question answered from the tree."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from msgspec.structs import replace

from skoop.diagnose.passage import Blocked, NodeEnd, Passage, Passages, Preparation
from skoop.diagnose.underlay import Underlay
from skoop.diagnose.world import World
from skoop.findings.cloud.nic import CloudNicVanishedDuringDiagnosis
from skoop.infra.capability import Capability
from skoop.infra.resources import Resource, Tree
from skoop.infra.source import CloudState, Scope
from skoop.model.address import Family, Prefix
from skoop.model.diagnosis import NotChecked
from skoop.model.disposition import Disposition
from skoop.model.kube import Address, Inventory
from skoop.model.packet import Packet
from skoop.model.trace import Evidence
from skoop.netstack.walk.events import Crossing
from skoop.network.cloud.passing import Fault, Passing, Trouble
from skoop.network.cloud.travel import Travel
from skoop.network.cloud.underlay import CloudUnderlay
from skoop.network.cloud.view import View

if TYPE_CHECKING:
    from skoop.network.cloud.build import Cloud


class _ChangedError(Exception):
    """A resource is not as it was when the tree was read."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.id)
        self.resource = resource


class TreeShim:
    """Keeps the state that `prepare` read; all else follows from it."""

    def __init__(self, cloud: Cloud, inventory: Inventory) -> None:
        self._cloud = cloud
        self._inventory = inventory
        self._again: dict[str, Resource | None] = {}
        self._read = Tree(cloud.dialect.platform)
        self.view = self._view(CloudState(self._read))

    def prepare(self, scope: Scope) -> Preparation:
        """See `InfraShim.prepare`. What the provider does not look at is said every time."""
        state = self._cloud.source.state(scope)
        if state.tree is not self._read:
            self._read, self._again = state.tree, {}
        for fresh in self._again.values():  # what was asked again for an earlier question
            if fresh is not None and state.tree.find(type(fresh), fresh.id) != fresh:
                state = _with(state, fresh)
        self.view = self._view(state)
        platform = self._cloud.dialect.platform
        notes = [
            NotChecked(f"{area.value} of {platform}", "its provider does not look at them")
            for area in Capability
            if area not in self._cloud.capabilities
        ]
        notes += [
            NotChecked(f"{gap.capability.value} of {platform}", gap.why) for gap in state.gaps
        ]
        return Preparation(tuple(notes), state.assumptions)

    def _view(self, state: CloudState) -> View:
        gaps = {gap.capability for gap in state.gaps}
        instances = {node.name: self._cloud.instance_of(node) for node in self._inventory.nodes}
        return View(
            state, self._cloud.dialect, frozenset(self._cloud.capabilities) - gaps,
            self._inventory, {name: each for name, each in instances.items() if each},
        )  # fmt: skip

    def underlay(
        self, world: World, unroutable: tuple[Prefix, ...], claimed: Mapping[Address, str]
    ) -> Underlay:
        """Frames are routed by the cloud; where a node is not in it, by what its frames say."""
        return CloudUnderlay(self, world, unroutable, claimed)

    def recorded(self) -> Mapping[str, bytes]:
        """See `InfraShim.recorded`."""
        return self._cloud.source.recorded()

    # --- the four questions -------------------------------------------------------------------

    def node_to_node(
        self, src: NodeEnd, dst: str, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """See `InfraShim.node_to_node`."""
        return self._asked(lambda travel: self._sent(travel, src, dst, packet, crossings))

    def node_to_external(
        self, src: NodeEnd, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """See `InfraShim.node_to_external`."""
        return self._asked(lambda travel: self._sent(travel, src, "", packet, crossings))

    def external_to_node(self, packet: Packet, crossings: tuple[Crossing, ...]) -> Passages:
        """See `InfraShim.external_to_node`."""
        return self._asked(lambda travel: travel.to_node(travel.begin(packet, crossings)))

    def external_to_load_balancer(
        self, packet: Packet, crossings: tuple[Crossing, ...]
    ) -> Passages:
        """See `InfraShim.external_to_load_balancer`."""
        return self._asked(lambda travel: travel.to_balancer(travel.begin(packet, crossings)))

    def knows(self, family: Family, source: int, destination: int) -> bool:
        """Whether it is known how packets from outside with these addresses come in."""
        return Travel(self.view, self._blocked).knows((family, source), (family, destination))

    def _sent(
        self, travel: Travel, src: NodeEnd, dst: str, packet: Packet,
        crossings: tuple[Crossing, ...],
    ) -> Passages:  # fmt: skip
        family = packet.family
        own = tuple((family, each.value) for each in src.stack.addresses(src.link.name, family))
        interface = self.view.interface(src.node, src.link.mac, own)
        if interface is None:
            return ()
        return travel.send(travel.begin(packet, crossings), interface, dst)

    # --- one more look before something is blamed ---------------------------------------------

    def _asked(self, answer: Callable[[Travel], Passages]) -> Passages:
        """Answer; when what would be blamed has changed meanwhile, once more with what it is
        now. A resource is asked again at most once."""
        while True:
            try:
                return answer(Travel(self.view, self._blocked))
            except _ChangedError as changed:
                self.view = self._view(_with(self.view.state, changed.resource))

    def _blocked(self, passing: Passing, trouble: Trouble, share: float) -> Passage:
        if isinstance(trouble, Fault):
            gid = self.view.gid(trouble.resource)
            known = gid in self._again
            if not known:
                self._again[gid] = self._cloud.source.again(trouble.resource)
            fresh = self._again[gid]
            if fresh is None:
                return _vanished(passing, trouble, share)
            if not known and fresh != trouble.resource:
                raise _ChangedError(fresh)
        return passing.blocked(trouble, share)


def _with(state: CloudState, resource: Resource) -> CloudState:
    others = [
        each
        for each in state.tree.resources
        if (each.kind, each.id) != (resource.kind, resource.id)
    ]
    return replace(state, tree=Tree(state.tree.platform, [*others, resource]))


def _vanished(passing: Passing, fault: Fault, share: float) -> Blocked:
    """What stopped the packet is not there any more: whether it passes now cannot be told."""
    what = f"{fault.resource.kind.value} {fault.resource.id}"
    gone = Fault(
        finding=CloudNicVanishedDuringDiagnosis, resource=fault.resource,
        message=f"The {what} vanished during diagnosis; it would have been to blame: "
        f"{fault.message}",
        evidence=(*fault.evidence, Evidence(passing.view.gid(fault.resource), "NotFound")),
        disposition=Disposition.INSUFFICIENT_INFO,
    )  # fmt: skip
    return passing.blocked(gone, share)
