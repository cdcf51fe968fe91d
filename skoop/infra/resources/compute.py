"""Instances and their network interfaces."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from skoop.infra.resources.base import Address, Kind, Resource
from skoop.model.address import Prefix


class Instance(Resource, frozen=True, kw_only=True):
    """A virtual machine. `running` is whether it can send and receive at all."""

    kind: ClassVar[Kind] = Kind.INSTANCE

    vpc: str = ""
    subnet: str = ""
    zone: str = ""
    running: bool = True
    interfaces: tuple[str, ...] = ()


class Public(Struct, frozen=True):
    """A public address that belongs to a private one, translated 1:1. `eip` is the id of the EIP,
    "" for an address that the instance was born with."""

    private: Address
    public: Address
    eip: str = ""


class Interface(Resource, frozen=True, kw_only=True):
    """A network interface.

    `addresses` are its private ones, the primary first; `prefixes` are networks delegated to it.
    `check` is the source/destination check: packets from or for other addresses are dropped.
    `attached` says that it is bound to `instance` and usable.
    """

    kind: ClassVar[Kind] = Kind.INTERFACE

    vpc: str = ""
    subnet: str = ""
    zone: str = ""
    instance: str = ""
    primary: bool = False
    attached: bool = True
    mac: str = ""
    addresses: tuple[Address, ...] = ()
    prefixes: tuple[Prefix, ...] = ()
    groups: tuple[str, ...] = ()
    check: bool = False
    publics: tuple[Public, ...] = ()

    def has(self, address: Address) -> bool:
        """Whether a private address, or one of a delegated prefix, is this interface's."""
        family, value = address
        return address in self.addresses or any(
            each.family is family and each.contains(value) for each in self.prefixes
        )
