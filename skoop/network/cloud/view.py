"""The resource tree with the cluster's nodes found in it."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.infra.capability import Capability
from skoop.infra.decide.groups import NOBODY, Peers
from skoop.infra.dialect import Dialect
from skoop.infra.resources import (
    Eip,
    Instance,
    Interface,
    LoadBalancer,
    NatGateway,
    NetworkAcl,
    PrefixList,
    Resource,
    RouteTable,
    SecurityGroup,
    Subnet,
    Tree,
    Vpc,
)
from skoop.infra.source import CloudState
from skoop.model.address import Family
from skoop.model.kube import Address, Inventory, Node


class View:
    """A state of the cloud, with what may be asked of it."""

    def __init__(
        self, state: CloudState, dialect: Dialect, looks_at: frozenset[Capability],
        inventory: Inventory, instances: Mapping[str, str],
    ) -> None:  # fmt: skip
        """`looks_at` are the areas that can be judged: the provider's, without gaps. `instances`
        maps node names to instance ids."""
        self.tree: Tree = state.tree
        self.state = state
        self.dialect = dialect
        self.looks_at = looks_at
        self.inventory = inventory
        self._instances = instances
        self._nodes = {instance: node for node, instance in instances.items()}

    def gid(self, resource: Resource, part: str = "") -> str:
        """The global id of a resource or a part of it."""
        return self.tree.gid(resource, part)

    def looks(self, area: Capability) -> bool:
        """Whether an area can be judged."""
        return area in self.looks_at

    # --- nodes and their interfaces -----------------------------------------------------------

    def instance(self, node: str) -> Instance | None:
        """A node's machine."""
        return self.tree.find(Instance, self._instances.get(node, ""))

    def node_of(self, interface: Interface) -> str:
        """The node that has an interface, "" when none does."""
        return self._nodes.get(interface.instance, "")

    def interface(self, node: str, mac: str, addresses: tuple[Address, ...]) -> Interface | None:
        """A node's interface: by MAC, else by an address, else its primary one; None as well when
        instances could not be asked for."""
        instance = self.instance(node) if self.looks(Capability.INSTANCES) else None
        own = self.tree.interfaces_of(instance) if instance is not None else ()
        for each in own:
            if mac and each.mac.lower() == mac.lower():
                return each
        for each in own:
            if any(address in each.addresses for address in addresses):
                return each
        return own[0] if own else None

    def at(self, address: Address, vpc: str = "") -> Interface | None:
        """The interface with a private address, in a VPC, else in any that was read."""
        for each in (vpc, *(other.id for other in self.tree.all(Vpc) if other.id != vpc)):
            found = self.tree.interface_at(each, address) if each else None
            if found is not None:
                return found
        return None

    def interface_for(self, address: Address, vpc: str = "") -> Interface | None:
        """The interface by which an address is reached: its own, or that of the node it is on."""
        found = self.at(address, vpc)
        node = self.node_for(address) if found is None else ""
        return self.interface(node, "", ()) if node else found

    def public_at(self, address: Address) -> tuple[Interface, Address] | None:
        """The interface that a public address stands for, and its private address."""
        if not self.looks(Capability.PUBLIC_ADDRESSES):
            return None
        for each in self.tree.all(Interface):
            for public in each.publics:
                if public.public == address:
                    return each, public.private
        return None

    def node_for(self, address: Address) -> str:
        """The node that Kubernetes says has an address: its own, a pod's on it, or in its pod
        network; "" when it says nothing."""
        node = self.inventory.node_with_ip(address)
        if node is not None:
            return node.name
        for pod in self.inventory.pods_with_ip(address):
            return pod.node
        family, value = address
        for each in self.inventory.nodes:
            if _in_pods(each, family, value):
                return each.name
        return ""

    def is_pods(self, address: Address) -> bool:
        """Whether an address is a pod's, or in a node's pod network."""
        if self.inventory.pods_with_ip(address):
            return True
        return any(_in_pods(each, *address) for each in self.inventory.nodes)

    # --- what an interface hangs on -----------------------------------------------------------

    def subnet(self, interface: Interface) -> Subnet | None:
        """Its subnet."""
        return self.tree.find(Subnet, interface.subnet)

    def table(self, subnet: Subnet) -> RouteTable | None:
        """The table that routes its packets."""
        return self.tree.table_of(subnet)

    def acl(self, subnet: Subnet) -> NetworkAcl | None:
        """The network ACL bound to it."""
        return self.tree.find(NetworkAcl, subnet.acl)

    def groups(self, interface: Interface) -> tuple[SecurityGroup, ...]:
        """Its security groups, as far as read."""
        found = (self.tree.find(SecurityGroup, each) for each in interface.groups)
        return tuple(each for each in found if each is not None)

    def unread_groups(self, interface: Interface) -> tuple[str, ...]:
        """Ids of its groups that were not read."""
        return tuple(
            each for each in interface.groups if self.tree.find(SecurityGroup, each) is None
        )

    def eip_at(self, address: Address) -> Eip | None:
        """The EIP with an address."""
        return self.tree.eip_at(address) if self.looks(Capability.PUBLIC_ADDRESSES) else None

    def gateways(self) -> tuple[NatGateway, ...]:
        """The NAT gateways, as far as they can be judged."""
        return self.tree.all(NatGateway) if self.looks(Capability.NAT) else ()

    def prefix_list(self, id_: str) -> PrefixList | None:
        """A prefix list, as far as they can be judged."""
        if not self.looks(Capability.PREFIX_LISTS):
            return None
        return self.tree.find(PrefixList, id_)

    def peers(self, interface: Interface, address: Address) -> Peers:
        """The groups of whoever has an address, as an interface's rules see it."""
        found = self.tree.interface_at(interface.vpc, address)
        if found is not None:
            return Peers(frozenset(found.groups))
        vpc = self.tree.find(Vpc, interface.vpc)
        family, value = address
        inside = vpc is not None and any(
            each.family is family and each.contains(value) for each in vpc.cidrs
        )
        return Peers(known=False) if inside and not self.is_pods(address) else NOBODY

    def balancer_at(self, address: Address) -> LoadBalancer | None:
        """The load balancer with an address."""
        if not self.looks(Capability.LOAD_BALANCERS):
            return None
        found = (each for each in self.tree.all(LoadBalancer) if address in each.addresses)
        return next(found, None)


def _in_pods(node: Node, family: Family, value: int) -> bool:
    return any(each.family is family and each.contains(value) for each in node.pod_cidrs)
