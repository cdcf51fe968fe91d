"""Pods that may send, but not ask for names."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings import policy as found
from skoop.model.address import Family
from skoop.model.diagnosis import Suspicion
from skoop.model.packet import Proto
from skoop.policy.decision import Basis, Outcome
from skoop.policy.evaluate import decide
from skoop.policy.lint.base import Linted, suspect
from skoop.policy.party import Flow, Party, PartyKind, Traffic
from skoop.policy.peers import METADATA_NAME
from skoop.policy.rules import Way

_DNS = 53
_LABEL = ("k8s-app", "kube-dns")
_SPACE = "kube-system"
_NODE_LOCAL = (Family.V4, 0xA9FE140A)
"""169.254.20.10, where NodeLocal DNSCache listens by default."""


def dns_forgotten(linted: Linted) -> Iterator[Suspicion]:
    """Policies that allow some egress and not that to the cluster's DNS. Those that allow none at
    all are meant to."""
    servers = _servers(linted)
    told: set[object] = set()
    for subject in linted.space.classes:
        if subject.kind is not PartyKind.POD or _is_server(subject):
            continue
        decisions = [
            decide(linted.policies, Flow(subject, server, Traffic(proto, _DNS)), Way.EGRESS)
            for server in servers
            for proto in (int(Proto.UDP), int(Proto.TCP))
        ]
        if any(each.outcome is not Outcome.DENIED for each in decisions):
            continue
        first = decisions[0]
        ref = first.policy
        if first.basis is not Basis.ISOLATED or ref is None or first.applied in told:
            continue
        if not first.near:
            continue
        told.add(first.applied)
        message = f"{subject} may send to others by {ref}, but not to the cluster's DNS"
        fix = "allow UDP and TCP port 53 to the pods labelled k8s-app=kube-dns in kube-system"
        yield suspect(found.DnsEgressMissing, ref, message, first.reason, fix=fix)


def _servers(linted: Linted) -> tuple[Party, ...]:
    """The DNS pods, one of each kind; without any, what they look like everywhere."""
    pods = tuple(each for each in linted.space.classes if _is_server(each))
    local = linted.parties.of_address(_NODE_LOCAL)
    return (*(pods or (_usual(),)), local)


def _is_server(party: Party) -> bool:
    return party.namespace == _SPACE and party.labels.get(_LABEL[0]) == _LABEL[1]


def _usual() -> Party:
    return Party(
        kind=PartyKind.POD,
        name="coredns",
        family=Family.V4,
        namespace=_SPACE,
        labels={_LABEL[0]: _LABEL[1]},
        namespace_labels={METADATA_NAME: _SPACE},
    )
