"""The namespaces of a cluster and the wires between them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from msgspec import Struct

from skoop.model.address import Family
from skoop.netstack.neightable import TableUse, table_use
from skoop.netstack.stack import Stack
from skoop.netstack.state import Link, Namespace

_HOST = "node/"


class Machine(Struct, frozen=True):
    """What was collected of one node: its own namespace and those of its pods, and the mode that
    its kube-proxy says it works in ("" unknown)."""

    name: str
    host: Namespace
    pods: tuple[Namespace, ...] = ()
    proxy_mode: str = ""


class WireEnd(Enum):
    """A device whose other end is no collected device."""

    UNDERLAY = "the network between nodes"
    MISSING = "a namespace that was not collected"


class World:
    """Every collected namespace, compiled, with its virtual cables plugged in."""

    def __init__(self, machines: Iterable[tuple[str, tuple[Stack, ...]]]) -> None:
        """Each machine's name and stacks, its own namespace's first."""
        self.stacks: dict[str, Stack] = {}
        self.machine_of: dict[str, str] = {}
        self.hosts: dict[str, Stack] = {}
        self._machines = dict(machines)
        self._peers: dict[tuple[str, str], tuple[Stack, Link]] = {}
        self._tables: dict[tuple[str, Family], TableUse] = {}
        self._owners: dict[tuple[Family, int], list[tuple[Stack, Link]]] = {}
        for name, stacks in self._machines.items():
            self._add(name, stacks)

    @classmethod
    def of(cls, machines: Iterable[Machine]) -> World:
        """Compile what was collected."""
        return cls(
            (machine.name, tuple(Stack(each) for each in (machine.host, *machine.pods)))
            for machine in machines
        )

    def with_namespace(self, changed: Namespace) -> World:
        """The same world with one namespace in another state; all others are shared."""
        machines = {
            name: tuple(Stack(changed) if each.id == changed.id else each for each in stacks)
            for name, stacks in self._machines.items()
        }
        return World(machines.items())

    def _add(self, name: str, stacks: tuple[Stack, ...]) -> None:
        host, *pods = stacks
        self.hosts[name] = host
        for stack in stacks:
            self.stacks[stack.id] = stack
            self.machine_of[stack.id] = name
            self._plug_within(stack)
        for pod in pods:
            self._plug_pod(host, pod)
        for address in host.namespace.addresses:
            link = host.links.get(address.device)
            if link and address.scope == "global" and self.is_underlay(host, link):
                key = (address.family, address.value)
                self._owners.setdefault(key, []).append((host, link))

    def _plug_within(self, stack: Stack) -> None:
        """veth pairs with both ends in one namespace."""
        for link in stack.namespace.links:
            if link.kind == "veth" and link.peer_nsid == -1:
                peer = stack.links_by_index.get(link.peer_index)
                if peer is not None and peer.peer_index == link.index and peer.kind == "veth":
                    self._peers[stack.id, link.name] = (stack, peer)

    def _plug_pod(self, host: Stack, pod: Stack) -> None:
        """A pod's device and the host's, when each names the other's index."""
        inode_of = dict(host.namespace.nsids)
        for link in pod.namespace.links:
            if link.kind != "veth" or (pod.id, link.name) in self._peers:
                continue
            end = host.links_by_index.get(link.peer_index)
            if end is None or end.kind != "veth" or end.peer_index != link.index:
                continue
            known = inode_of.get(end.peer_nsid, 0)
            if known and pod.namespace.inode and known != pod.namespace.inode:
                continue
            self._peers[pod.id, link.name] = (host, end)
            self._peers[host.id, end.name] = (pod, link)

    def peer(self, stack: Stack, link: Link) -> tuple[Stack, Link] | WireEnd:
        """The other end of a device."""
        found = self._peers.get((stack.id, link.name))
        if found is not None:
            return found
        return WireEnd.UNDERLAY if self.is_underlay(stack, link) else WireEnd.MISSING

    def is_underlay(self, stack: Stack, link: Link) -> bool:
        """Whether a device leads out of the machine: hardware, or a veth of the host that carries
        an address itself and whose other end no pod has."""
        if (stack.id, link.name) in self._peers or not stack.id.startswith(_HOST):
            return False
        if link.kind in ("", "vlan", "bond", "team", "macvlan", "ipvlan", "virtio"):
            return True
        return link.kind == "veth" and not link.master and self._has_address(stack, link)

    def _has_address(self, stack: Stack, link: Link) -> bool:
        return any(stack.addresses(link.name, family) for family in Family)

    def neighbour_table(self, stack: Stack, family: Family) -> TableUse:
        """How full the neighbour table is that a namespace shares with its machine."""
        machine = self.machine_of[stack.id]
        found = self._tables.get((machine, family))
        if found is None:
            host, *pods = self._machines[machine]
            found = table_use(host.namespace, (each.namespace for each in pods), family)
            self._tables[machine, family] = found
        return found

    def owners(self, family: Family, address: int) -> list[tuple[Stack, Link]]:
        """The hosts that have an address on a device that leads to the underlay."""
        return self._owners.get((family, address), [])

    def way_in(self, host: Stack, family: Family) -> tuple[Stack, Link] | None:
        """The device by which a host is reached from the underlay, None when it has none."""
        for link in host.namespace.links:
            if self.is_underlay(host, link) and host.addresses(link.name, family):
                return host, link
        return None

    def underlay_links(self) -> Iterable[tuple[Stack, Link]]:
        """Every device that leads to the underlay."""
        for host in self.hosts.values():
            for link in host.namespace.links:
                if self.is_underlay(host, link):
                    yield host, link
