"""What policies can tell parties apart by."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable

from skoop.policy.pairs.walk import identity_keys, label_keys, net_bounds
from skoop.policy.party import NamedPort, Party, PartyKind
from skoop.policy.peers import PeerTest


class Signature:
    """What of a party some policy can ask about."""

    def __init__(
        self,
        leaves: Iterable[PeerTest],
        names: frozenset[str],
        addresses: frozenset[tuple[int, int]],
    ) -> None:
        several = list(leaves)
        self._labels = sorted(label_keys(several))
        self._identities = sorted(identity_keys(several))
        self._bounds = net_bounds(several)
        self._names, self._addresses = names, addresses

    def of(self, party: Party) -> Hashable:
        """Equal for parties that no policy can tell apart."""
        labels = party.labels
        interval = -1
        if party.ip >= 0:
            interval = bisect_right(self._bounds[party.family.value], party.ip)
        own = tuple([labels.get(key) for key in self._labels])
        host = party.kind is not PartyKind.POD
        return (
            party.kind, party.namespace, own, party.family, interval,
            # A node and what runs on it cannot be one class: its own pods are exempt.
            (party.node, party.name) if host else None,
            asked_ports(party, self._names) if self._names else (),
            self._identity(party) if party.identities else (), party.endpoints,
            party.ip if (party.family, party.ip) in self._addresses else 0,
        )  # fmt: skip

    def _identity(self, party: Party) -> Hashable:
        keys = self._identities
        return tuple([tuple([each.get(key) for key in keys]) for each in party.identities])


def asked_ports(party: Party, names: frozenset[str]) -> tuple[NamedPort, ...]:
    """A party's ports that have one of the names."""
    return tuple(
        sorted(
            {each for each in party.ports if each.name in names},
            key=lambda each: (each.name, each.proto, each.port),
        )
    )
