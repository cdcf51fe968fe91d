"""Ports that policies name."""

from __future__ import annotations

from collections.abc import Iterator

from skoop.findings import policy as found
from skoop.model.diagnosis import Suspicion
from skoop.policy.lint.base import Linted, suspect
from skoop.policy.pairs.bits import ones
from skoop.policy.pairs.walk import traffic_leaves
from skoop.policy.party import PartyKind
from skoop.policy.ports import NamedPorts, protocol_word
from skoop.policy.rules import Way


def unknown_names(linted: Linted) -> Iterator[Suspicion]:
    """Named ports that no pod has to which the rule could apply."""
    space = linted.space
    for way, _, policy in linted.written():
        for rule in policy.rules:
            peers, maybe = space.members_of(rule.destination)
            wanted = linted.selected(policy) if way is Way.INGRESS else peers | maybe
            pods = [space.classes[i] for i in ones(wanted)]
            for leaf in traffic_leaves(rule.traffic):
                if not isinstance(leaf, NamedPorts):
                    continue
                known = any(
                    port.name == leaf.name and leaf.proto in (0, port.proto)
                    for pod in pods
                    if pod.kind is PartyKind.POD
                    for port in pod.ports
                )
                if not known and wanted:
                    word = f"{protocol_word(leaf.proto)} " if leaf.proto else ""
                    message = (
                        f"{rule.name} of {policy.ref} names {word}port {leaf.name!r}, which no "
                        "pod it could apply to has"
                    )
                    evidence = f"{rule.name}: {rule.text}"
                    yield suspect(found.PolicyNamedPortMiss, policy.ref, message, evidence)
