"""What every check looks at."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from skoop.findings.base import Finding
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction
from skoop.model.kube import Inventory
from skoop.model.trace import Evidence
from skoop.policy.pairs.outside import outside
from skoop.policy.pairs.space import Space
from skoop.policy.parties import Parties
from skoop.policy.rules import Policy, PolicyRef, PolicySet, Tier, Way


class Linted(Struct, frozen=True):
    """A cluster's policies, and everybody they could be about: pods, nodes, and what is outside."""

    inventory: Inventory
    policies: PolicySet
    parties: Parties
    space: Space

    @classmethod
    def of(cls, inventory: Inventory, policies: PolicySet) -> Linted:
        """Gather them."""
        known = Parties(inventory)
        several = [
            *(
                known.of_pod(pod)
                for pod in inventory.pods
                if not pod.host_network and not pod.finished
            ),
            *(known.of_node(node) for node in inventory.nodes),
            *outside(known, (policies,)),
        ]
        return cls(inventory, policies, known, Space.of(several, (policies,)))

    def written(self) -> Iterator[tuple[Way, Tier, Policy]]:
        """Every policy in each direction, without those that Calico makes up itself."""
        for way in Way:
            for tier in self.policies.tiers(way):
                for policy in tier.policies:
                    if policy.ref.kind not in ("FelixConfiguration", "HostEndpoint", "Profile"):
                        yield way, tier, policy

    def selected(self, policy: Policy) -> int:
        """The classes a policy applies to, or may apply to, as bits."""
        yes, maybe = self.space.members_of(policy.subject)
        return yes | maybe


def suspect(
    finding: type[Finding], ref: PolicyRef, message: str, evidence: str, *, fix: str = ""
) -> Suspicion:
    """A finding about a policy. `evidence` is the part of it that shows it."""
    return finding.suspect(
        where=Where("policy", ref.full_name),
        direction=Direction.FORWARD,
        message=message,
        evidence=(Evidence(str(ref), evidence or "spec"),),
        fix=fix,
    )
