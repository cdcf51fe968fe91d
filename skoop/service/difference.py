"""What an audit finds."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct

from skoop.model.trace import Evidence

if TYPE_CHECKING:
    from skoop.service.plan import PortPlan


class DifferenceKind(Enum):
    """Ways in which the rules can differ from what the API objects ask for."""

    NO_RULES = "no kube-proxy rules"
    HOOK_MISSING = "jump from a built-in chain missing"
    MASQUERADE_MISSING = "masquerading of marked packets missing"
    MASQUERADE_TOO_MUCH = "unmarked packets are masqueraded"
    ACCEPT_MISSING = "marked packets are not accepted for forwarding"
    MARK_MISSING = "KUBE-MARK-MASQ does not mark"
    ENTRY_MISSING = "entry of the Service missing"
    ENTRY_STALE = "entry of the Service where none should be"
    WRONG_CHAIN = "entry leads to another chain"
    CHAIN_MISSING = "chain missing"
    CHAIN_EMPTY = "chain empty"
    SEP_MISSING = "endpoint chain missing or without translation"
    WRONG_DNAT = "endpoint chain translates to another address"
    ENDPOINT_MISSING = "endpoint missing"
    ENDPOINT_STALE = "endpoint that the API no longer has"
    MARK_MASQ_MISSING = "packets are not marked for masquerading"
    HAIRPIN_MASQ_MISSING = "hairpins are not marked for masquerading"
    SHORT_CIRCUIT_MISSING = "short circuit of externalTrafficPolicy Local missing"
    NODE_PORT_MISSING = "NodePort entry missing"
    REJECT_STALE = "rejected or dropped although endpoints exist"
    REJECT_MISSING = "not rejected or dropped although no endpoint may be used"
    SOURCE_RANGE_WRONG = "source ranges differ"
    HAIRPIN_ENTRY_MISSING = "hairpin connection missing"
    SET_MEMBER_MISSING = "member of a set missing"
    CLUSTER_IP_UNLISTED = "ClusterIP missing from the set of ClusterIPs"
    NODE_ADDRESS_UNLISTED = "NodePorts are not served on the node's address"
    AFFINITY_BROKEN = "session affinity is not kept"
    SHARE_WRONG = "shares of the endpoints are wrong"
    VIRTUAL_SERVER_MISSING = "virtual server missing"
    ADDRESS_MISSING = "address missing on kube-ipvs0"
    WEIGHT_ZERO = "every real server has weight 0"
    MODE_MIXED = "rules of another mode left over"
    RULE_FOREIGN = "a rule that kube-proxy does not write"
    RULE_ORDER = "rules in another order"


class Difference(Struct, frozen=True, kw_only=True):
    """One difference. `service` is kube-proxy's name of the Service port ("shop/web:http"), "" when
    it is about all of them; `chain` the chain it is about; `endpoint` "10.0.0.1:80" or "". The
    evidence is never empty: the rule at fault, or what was expected and where."""

    kind: DifferenceKind
    service: str
    chain: str
    message: str
    evidence: tuple[Evidence, ...]
    endpoint: str = ""


def about(
    plan: PortPlan,
    kind: DifferenceKind,
    chain: str,
    message: str,
    *evidence: Evidence,
    endpoint: str = "",
) -> Difference:
    """A difference about one Service port."""
    return Difference(
        kind=kind,
        service=plan.name,
        chain=chain,
        message=message,
        evidence=evidence,
        endpoint=endpoint,
    )


def about_all(kind: DifferenceKind, chain: str, message: str, evidence: Evidence) -> Difference:
    """A difference about all Services of the node."""
    return Difference(kind=kind, service="", chain=chain, message=message, evidence=(evidence,))
