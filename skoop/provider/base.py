"""A provider: the name behind --provider, and the network it makes of a cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from skoop.infra.capability import Capability
from skoop.infra.console import CloudCall, CloudCommand, Console
from skoop.infra.options import OneOf, Option, Settings
from skoop.infra.permission import Permission

if TYPE_CHECKING:
    from skoop.network.base import Context, Network

API_VERSION = 1
"""What a provider is written for; one that says another number is refused."""


class Manifests(Struct, frozen=True):
    """A provider's own manifests for the collector, as YAML by file name: `assets` run in the
    cluster, `bootstrap` are static pods for a cluster that is not up."""

    assets: tuple[tuple[str, str], ...] = ()
    bootstrap: tuple[tuple[str, str], ...] = ()


class Provider(Protocol):
    """One kind of infrastructure under a cluster. Nothing is asked of a cloud, and no heavy module
    is imported, before a method says so."""

    @property
    def api_version(self) -> int:
        """`API_VERSION` as it was when this provider was written."""

    @property
    def name(self) -> str:
        """What --provider takes; never changes."""

    @property
    def describes(self) -> str:
        """One sentence for `skoop provider list`."""

    @property
    def options(self) -> tuple[Option, ...]:
        """Its options."""

    @property
    def one_of(self) -> tuple[OneOf, ...]:
        """Which of its options exclude each other."""

    @property
    def capabilities(self) -> tuple[Capability, ...]:
        """Exactly what it looks at; everything else is said to be not checked."""

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """The exact list of actions it may send to its cloud; all read only."""

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platform types of an OpenShift Infrastructure object that it serves."""

    @property
    def commands(self) -> tuple[CloudCommand, ...]:
        """The commands of `skoop cloud NAME`."""

    def claims(self, provider_id: str) -> bool:
        """Whether a node's spec.providerID is one of its machines."""

    def manifests(self) -> Manifests:
        """Copies of its manifests for the collector; empty when the common ones do."""

    def policy(self) -> str:
        """The policy, in the cloud's own syntax, that grants `permissions` and nothing else; ""
        for a provider that asks nothing."""

    def verify(self, settings: Settings) -> tuple[str, ...]:
        """Ask the cloud whether the credentials work; every problem at once, a sentence each.
        Raises AccessError when nothing can be asked at all."""

    def console(self, settings: Settings, call: CloudCall) -> Console:
        """The cloud, to be asked by `commands`. Raises UsageError for an unknown region with the
        known ones, AccessError for refused credentials."""

    def create_network(self, context: Context) -> Network:
        """The network for a cluster: detected, wired, ready to be asked. Raises UsageError for
        overrides that mean nothing."""


def find_command(provider: Provider, name: str) -> CloudCommand | None:
    """The command of this name."""
    return next((each for each in provider.commands if each.name == name), None)


def names(providers: Iterable[Provider]) -> str:
    """The names for a sentence."""
    return ", ".join(each.name for each in providers)
