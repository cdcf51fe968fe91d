"""All resources of a cloud that a diagnosis knows, found by kind and id."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from skoop.errors import InputError
from skoop.infra.resources.base import Address, Kind, Resource
from skoop.infra.resources.compute import Instance, Interface
from skoop.infra.resources.nat import Eip
from skoop.infra.resources.vpc import RouteTable, Subnet

R = TypeVar("R", bound=Resource)


class DuplicateError(InputError):
    """Two resources claim one global id."""


class VanishedError(InputError):
    """A resource that was there is gone: deleted while skoop looked."""


class Tree:
    """Resources by kind and id; immutable once made."""

    def __init__(self, platform: str, resources: Iterable[Resource] = ()) -> None:
        """`platform` begins every global id ("Aliyun") and never changes. Raises DuplicateError,
        naming it, for a global id that is there twice."""
        self.platform = platform
        self._ids: set[str] = set()
        self._found: dict[tuple[Kind, str], Resource] = {}
        self._kinds: dict[Kind, list[Resource]] = {}
        for each in resources:
            self._add(each)
        self._interface_at = self._by_address()
        self._table_of = self._tables()

    def _add(self, resource: Resource) -> None:
        key, gid = (resource.kind, resource.id), self.gid(resource)
        if gid in self._ids or key in self._found:
            raise DuplicateError(
                f"The id of {resource.kind.value} {gid} is there twice; skoop cannot tell which "
                "resource is meant."
            )
        self._ids.add(gid)
        self._found[key] = resource
        self._kinds.setdefault(resource.kind, []).append(resource)

    def _by_address(self) -> dict[tuple[str, Address], Interface]:
        return {
            (each.vpc, address): each for each in self.all(Interface) for address in each.addresses
        }

    def _tables(self) -> dict[str, RouteTable]:
        bound = {s: table for table in self.all(RouteTable) for s in table.subnets}
        for subnet in self.all(Subnet):
            named = self.find(RouteTable, subnet.route_table)
            if named is not None:
                bound[subnet.id] = named
        return bound

    def gid(self, resource: Resource, part: str = "") -> str:
        """The global id of a resource, or of a part of it: "Aliyun/cn-hangzhou/vtb-1/rte-7"."""
        words = (self.platform, resource.region, resource.id, part)
        if resource.kind is Kind.REGION:
            words = (self.platform, resource.id, "", part)
        return "/".join(word for word in words if word)

    def find(self, kind: type[R], id_: str) -> R | None:
        """The resource of this type and id, None when the tree does not hold it."""
        found = self._found.get((kind.kind, id_))
        return found if isinstance(found, kind) else None

    def all(self, kind: type[R]) -> tuple[R, ...]:
        """Every resource of a type, in the order in which they came."""
        return tuple(each for each in self._kinds.get(kind.kind, ()) if isinstance(each, kind))

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Everything."""
        return tuple(self._found.values())

    def interface_at(self, vpc: str, address: Address) -> Interface | None:
        """The interface of a VPC that has a private address, or a prefix with it."""
        found = self._interface_at.get((vpc, address))
        if found is not None:
            return found
        for each in self.all(Interface):
            if each.vpc == vpc and each.prefixes and each.has(address):
                return each
        return None

    def interfaces_of(self, instance: Instance) -> tuple[Interface, ...]:
        """An instance's interfaces, the primary one first."""
        own = [each for each in self.all(Interface) if each.instance == instance.id]
        return tuple(sorted(own, key=lambda each: not each.primary))

    def table_of(self, subnet: Subnet) -> RouteTable | None:
        """The table that routes a subnet's packets: its own, else the VPC's main one."""
        bound = self._table_of.get(subnet.id)
        if bound is not None or subnet.route_table:
            return bound
        mains = (each for each in self.all(RouteTable) if each.vpc == subnet.vpc and each.main)
        return next(mains, None)

    def eip_at(self, address: Address) -> Eip | None:
        """The EIP with this public address."""
        return next((each for each in self.all(Eip) if each.address == address), None)

    def merged(self, other: Tree) -> Tree:
        """Both trees in one. Raises DuplicateError."""
        return Tree(self.platform, (*self.resources, *other.resources))
