"""What the policies say about packets, compiled when first asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from skoop.cluster.detect.facts import ClusterFacts, Cni
from skoop.diagnose.policy.enforcer import Enforcer, enforcer_of
from skoop.model.kube import Address, Inventory
from skoop.model.packet import Packet, Proto
from skoop.netstack.state import Namespace
from skoop.policy import (
    Decision,
    Engine,
    Flow,
    Parties,
    Party,
    PolicySet,
    Traffic,
    Way,
    compile_policies,
    decide,
)

_CALICO = (Cni.CALICO, Cni.CANAL)


class Declared:
    """A cluster's policies, read as its engine reads them."""

    def __init__(
        self, inventory: Inventory, facts: ClusterFacts, hosts: Iterable[Namespace]
    ) -> None:
        self._inventory, self._facts, self._hosts = inventory, facts, tuple(hosts)

    @cached_property
    def enforcer(self) -> Enforcer:
        """Who enforces them."""
        return enforcer_of(self._facts, self._inventory, self._hosts)

    @cached_property
    def gap(self) -> str:
        """Which list of policies was not collected, "" when all are there."""
        missing = ["networkpolicies"] if self._inventory.is_absent("networkpolicies") else []
        if self._facts.cni.value in _CALICO:
            known = self._inventory.calico.known
            wanted = ("networkpolicies", "globalnetworkpolicies")
            missing += [f"Calico's {each}" for each in wanted if f"calico {each}" not in known]
        return ", ".join(missing)

    @cached_property
    def _policies(self) -> PolicySet:
        calico = self._facts.cni.value in _CALICO
        return compile_policies(self._inventory, Engine.CALICO if calico else Engine.KUBERNETES)

    @cached_property
    def _parties(self) -> Parties:
        return Parties(self._inventory)

    def party(self, address: Address) -> Party:
        """Whoever has an address."""
        return self._parties.of_address(address)

    def decision(self, packet: Packet, way: Way) -> Decision:
        """What the policies of one end say about a packet with these very addresses: enforcement
        by rules sees it after translation of the destination, before that of the source."""
        icmp = packet.proto in (Proto.ICMP, Proto.ICMPV6)
        traffic = Traffic(
            packet.proto,
            dport=packet.dport,
            sport=packet.sport,
            icmp_type=packet.icmp.type if icmp else -1,
            icmp_code=packet.icmp.code if icmp else -1,
        )
        flow = Flow(
            self.party((packet.family, packet.src)),
            self.party((packet.family, packet.dst)),
            traffic,
        )
        return decide(self._policies, flow, way)
