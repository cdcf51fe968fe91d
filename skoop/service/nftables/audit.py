"""Expected rules against real ones.

nat-prerouting, nat-output ─► services ─┬─► @service-ips ──► service- / local- ─► dnat
                                        └─► @service-nodeports ─► external- ─► service- / local-
nat-postrouting ─► masquerading ─► what is marked, and hairpins
filter-* ─► @firewall-ips, @no-endpoint-services, @no-endpoint-nodeports
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from skoop.service.difference import Difference
from skoop.service.nftables.base import audit_base, has_rules
from skoop.service.nftables.compare import compare
from skoop.service.nftables.entries import audit_entries
from skoop.service.nftables.rules import NftRules
from skoop.service.nftables.wanted import chains
from skoop.service.plan import PortPlan


def audit(expected: Iterable[PortPlan], rules: NftRules) -> tuple[Difference, ...]:
    """Every difference between what the plans of a node (`plan_node`) ask for and its table; those
    about all Services first. Without any rules of kube-proxy that is the only difference."""
    plans: Sequence[PortPlan] = tuple(expected)
    base = tuple(audit_base(rules, plans[0] if plans else None))
    if not has_rules(rules):
        return base
    return (*base, *(found for plan in plans for found in audit_port(plan, rules)))


def audit_port(plan: PortPlan, rules: NftRules) -> Iterator[Difference]:
    """The differences of one Service port."""
    yield from audit_entries(plan, rules)
    for chain in chains(plan, rules):
        yield from compare(plan, rules, chain)
