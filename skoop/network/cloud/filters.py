"""What an interface and its subnet let pass."""

from __future__ import annotations

from skoop.findings.cloud.acl import (
    CloudAclEgressDeny,
    CloudAclIngressDeny,
    CloudAclReturnEphemeralDeny,
    CloudAclRuleOrder,
)
from skoop.findings.cloud.group import (
    CloudSgEmpty,
    CloudSgExplicitDenyPriority,
    CloudSgIntraGroupIsolated,
    CloudSgNodesInDifferentGroups,
    CloudSgNoEgressRule,
    CloudSgNoIngressRule,
    CloudSgPodCidrNotAllowed,
    CloudSgReferenceNotPreserved,
)
from skoop.findings.cloud.nic import (
    CloudNicDetached,
    CloudNicInstanceStopped,
    CloudNicSourceDestCheck,
    CloudNicWrongSubnet,
)
from skoop.infra.capability import Capability
from skoop.infra.decide import acls, groups
from skoop.infra.decide.flow import Flow
from skoop.infra.decide.groups import Peers, Ruling
from skoop.infra.resources import (
    Instance,
    Interface,
    NetworkAcl,
    PeerKind,
    SecurityGroup,
    Subnet,
    Way,
)
from skoop.model.packet import Packet, Proto
from skoop.model.trace import Evidence, StepKind
from skoop.network.cloud.passing import Fault, Passing, Trouble, Unsure
from skoop.network.cloud.view import View
from skoop.network.cloud.wording import acl_evidence, evidence, rule_evidence, wanted

_EPHEMERAL = 1024


def through_interface(passing: Passing, interface: Interface, way: Way) -> Trouble | None:
    """Into or out of an interface: is it there, are the addresses its own, do its groups admit
    the packet. What stops it, None when it passes."""
    passing.enter(interface)
    _wrong_subnet(passing, interface, way)
    return (
        _not_there(passing, interface)
        or _check(passing, interface, way)
        or _groups(passing, interface, way)
    )


def _not_there(passing: Passing, interface: Interface) -> Trouble | None:
    view = passing.view
    instance = view.tree.find(Instance, interface.instance)
    if instance is not None and not instance.running:
        return Fault(
            finding=CloudNicInstanceStopped, resource=instance,
            message=f"Instance {instance.id} does not run: {instance.status or 'stopped'}.",
            evidence=(evidence(view, instance, f"status {instance.status or 'stopped'}"),),
        )  # fmt: skip
    if not interface.attached:
        return Fault(
            finding=CloudNicDetached, resource=interface,
            message=f"Network interface {interface.id} is not attached: "
            f"{interface.status or 'detached'}.",
            evidence=(evidence(view, interface, f"status {interface.status or 'detached'}"),),
        )  # fmt: skip
    return None


def _wrong_subnet(passing: Passing, interface: Interface, way: Way) -> None:
    """An address of its own that is not one of its subnet's."""
    view, packet = passing.view, passing.packet
    subnet = view.subnet(interface)
    family, value = packet.family, packet.dst if way is Way.INGRESS else packet.src
    if subnet is None or (family, value) not in interface.addresses:
        return
    cidrs = [each for each in subnet.cidrs if each.family is family]
    if cidrs and not any(each.contains(value) for each in cidrs):
        listed = ", ".join(str(each) for each in cidrs)
        text = packet.destination if way is Way.INGRESS else packet.source
        passing.doubt(
            Fault(
                finding=CloudNicWrongSubnet, resource=interface,
                message=f"Network interface {interface.id} has {text}, which is not in its subnet "
                f"{subnet.id} ({listed}).",
                evidence=(evidence(view, interface, text), Evidence(view.gid(subnet), listed)),
            )
        )  # fmt: skip


def _check(passing: Passing, interface: Interface, way: Way) -> Trouble | None:
    packet = passing.packet
    if not interface.check or not passing.view.looks(Capability.SOURCE_CHECK):
        return None
    own = (packet.family, packet.dst if way is Way.INGRESS else packet.src)
    if interface.has(own):
        return None
    side, text = ("destination", packet.destination)
    if way is Way.EGRESS:
        side, text = ("source", packet.source)
    return Fault(
        finding=CloudNicSourceDestCheck, resource=interface,
        message=f"Network interface {interface.id} checks source and destination, and the packet's "
        f"{side} {text} is not its own.",
        evidence=(evidence(passing.view, interface, "source/destination check on"),),
    )  # fmt: skip


# --- security groups -------------------------------------------------------------------------


def _groups(passing: Passing, interface: Interface, way: Way) -> Trouble | None:
    view, packet = passing.view, passing.packet
    trouble: Trouble | None = None
    if view.looks(Capability.SECURITY_GROUPS):
        if view.dialect.stateful_groups and passing.admitted(interface):
            if interface.groups:
                passing.say(StepKind.NETFILTER, "its groups know the connection")
            return None
        for unread in view.unread_groups(interface):
            passing.note(f"security group {unread}", "it was not read")
        ruling, peers = judged(view, interface, way, packet)
        trouble = _trouble(passing, interface, way, ruling, peers)
        if trouble is not None and view.unread_groups(interface):
            unread = ", ".join(view.unread_groups(interface))
            trouble = Unsure(f"whether security group {unread} lets it pass was not read")
        if trouble is None and ruling.group is not None:
            passing.say(StepKind.NETFILTER, _admitted(ruling), *_shown(view, ruling))
    if trouble is None:
        passing.remember(interface, packet, packet)
    return trouble


def judged(view: View, interface: Interface, way: Way, packet: Packet) -> tuple[Ruling, Peers]:
    """What an interface's groups say about a new connection, and who is at its other side."""
    other = packet.src if way is Way.INGRESS else packet.dst
    peers = view.peers(interface, (packet.family, other))
    ruling = groups.judge(
        view.groups(interface), way, Flow.of(packet), peers, view.prefix_list, view.dialect
    )
    return ruling, peers


def _admitted(ruling: Ruling) -> str:
    assert ruling.group is not None
    name = f"security group {ruling.group.id}"
    if ruling.rule is not None:
        return f"{name} admits it by rule {ruling.rule.id}"
    if ruling.intra:
        return f"{name} admits its members"
    return f"{name} admits it by default"


def _shown(view: View, ruling: Ruling) -> tuple[Evidence, ...]:
    if ruling.group is None or ruling.rule is None:
        return ()
    return (rule_evidence(view, ruling.group, ruling.rule),)


def _trouble(
    passing: Passing, interface: Interface, way: Way, ruling: Ruling, peers: Peers
) -> Trouble | None:
    group = ruling.group
    if ruling.admitted or group is None:
        return None
    view, packet = passing.view, passing.packet
    asked = wanted(packet, way)
    inout = "in" if way is Way.INGRESS else "out"
    name = f"Security group {group.id} of {_whose(view, interface)}"
    if ruling.admitted is None:
        shown = _shown(view, ruling)
        by = f" (rule {view.gid(group, ruling.rule.id)})" if ruling.rule else ""
        return Unsure(f"whether {name} lets {asked} {inout}{by} is open: {ruling.why}", shown)
    if ruling.rule is not None:
        return Fault(
            finding=CloudSgExplicitDenyPriority, resource=group, part=ruling.rule.id,
            message=f"{name} drops {asked}: rule {ruling.rule.id}, priority "
            f"{ruling.rule.priority}.",
            evidence=_shown(view, ruling),
        )  # fmt: skip
    if ruling.intra:
        return Fault(
            finding=CloudSgIntraGroupIsolated, resource=group,
            message=f"{name} isolates its members from each other, and no rule lets {asked} "
            f"{inout}.",
            evidence=(evidence(view, group, f"inner policy {group.intra.value}"),),
        )  # fmt: skip
    _different_groups(passing, interface, peers)
    return _no_rule(passing, interface, way, f"{name} lets no {asked} {inout}")


def _no_rule(passing: Passing, interface: Interface, way: Way, message: str) -> Fault:
    view, packet = passing.view, passing.packet
    joined = view.groups(interface)
    ours = [rule for group in joined for rule in group.rules if rule.way is way]
    shown = tuple(
        rule_evidence(view, group, rule)
        for group in joined
        for rule in group.rules[:20]
        if rule.way is way
    )
    names = ", ".join(each.id for each in joined)
    count = f"{len(ours)} {way.value} rules in {names}"
    shown = (Evidence(view.gid(joined[0]), joined[0].raw or count), *shown[:5])
    finding: type = CloudSgNoIngressRule if way is Way.INGRESS else CloudSgNoEgressRule
    if way is Way.INGRESS and view.is_pods((packet.family, packet.src)):
        finding = CloudSgPodCidrNotAllowed
        referring = _referring(passing, joined)
        if referring is not None:
            finding, message = CloudSgReferenceNotPreserved, f"{message}: {referring}"
    elif not ours:
        finding = CloudSgEmpty
    return Fault(
        finding=finding, resource=joined[0], message=f"{message}.", evidence=shown,
        fix=f"add an {way.value} rule that accepts {wanted(packet, way)} to {joined[0].id}",
    )  # fmt: skip


def _referring(passing: Passing, joined: tuple[SecurityGroup, ...]) -> str | None:
    """A rule that would admit the packet, had it the address of the node it comes from."""
    view, packet = passing.view, passing.packet
    node = view.node_for((packet.family, packet.src))
    sender = view.interface(node, "", ()) if node else None
    if sender is None:
        return None
    as_member = Peers(frozenset(sender.groups))
    for group in joined:
        for rule in group.rules:
            if rule.peer.kind is not PeerKind.GROUP or rule.way is not Way.INGRESS:
                continue
            if groups.matches(rule, Flow.of(packet), as_member, view.prefix_list):
                return (
                    f"rule {rule.id} names group {rule.peer.id}, but a pod's address belongs to "
                    "no member of it"
                )
    return None


def _different_groups(passing: Passing, interface: Interface, peers: Peers) -> None:
    view, packet = passing.view, passing.packet
    other = view.at((packet.family, packet.src), interface.vpc)
    if other is None or not view.node_of(other) or not view.node_of(interface):
        return
    if not peers.groups or peers.groups & set(interface.groups):
        return
    theirs, ours = ", ".join(sorted(peers.groups)), ", ".join(interface.groups)
    passing.doubt(
        Fault(
            finding=CloudSgNodesInDifferentGroups, resource=interface,
            message=f"{_whose(view, other)} is in {theirs}, {_whose(view, interface)} in {ours}.",
            evidence=(
                Evidence(view.gid(other), f"security groups {theirs}"),
                Evidence(view.gid(interface), f"security groups {ours}"),
            ),
        )
    )  # fmt: skip


def _whose(view: View, interface: Interface) -> str:
    node = view.node_of(interface)
    return f"node {node}" if node else f"network interface {interface.id}"


# --- network ACLs ----------------------------------------------------------------------------


def through_acl(
    passing: Passing, subnet: Subnet | None, way: Way, *, answer: bool
) -> Trouble | None:
    """Into or out of a subnet. `answer` says that the packet answers a connection."""
    view = passing.view
    acl = view.acl(subnet) if subnet is not None else None
    if subnet is None or not subnet.acl or not view.looks(Capability.NETWORK_ACLS):
        return None
    if acl is None:
        passing.note(f"network ACL {subnet.acl}", "it was not read")
        return None
    passing.enter(acl)
    ruling = acls.judge(acl, way, Flow.of(passing.packet))
    shown = (acl_evidence(view, acl, ruling.rule),) if ruling.rule else ()
    if ruling.admitted:
        by = f"rule {ruling.rule.id}" if ruling.rule else "default"
        passing.say(StepKind.NETFILTER, f"it admits it by {by}", *shown)
        return None
    asked = wanted(passing.packet, way)
    inout = "into" if way is Way.INGRESS else "out of"
    if ruling.admitted is None:
        assert ruling.rule is not None
        where = view.gid(acl, ruling.rule.id)
        return Unsure(
            f"whether rule {where} is about {asked} depends on the port that the client draws",
            shown,
        )
    return Fault(
        finding=_acl_finding(passing.packet, way, ruling, answer=answer),
        resource=acl,
        part=ruling.rule.id if ruling.rule else "",
        message=f"Network ACL {acl.id} lets no {asked} {inout} subnet {subnet.id}: "
        + (f"rule {ruling.rule.id} drops it." if ruling.rule else "no rule names it."),
        evidence=shown or (_all_rules(view, acl, way),),
    )


def _acl_finding(packet: Packet, way: Way, ruling: acls.AclRuling, *, answer: bool) -> type:
    ported = packet.proto in (Proto.TCP, Proto.UDP, Proto.SCTP)
    if answer and ported and (packet.dport < 0 or packet.dport >= _EPHEMERAL):
        return CloudAclReturnEphemeralDeny
    if ruling.later is not None:
        return CloudAclRuleOrder
    return CloudAclIngressDeny if way is Way.INGRESS else CloudAclEgressDeny


def _all_rules(view: View, acl: NetworkAcl, way: Way) -> Evidence:
    rules = acl.ingress if way is Way.INGRESS else acl.egress
    return evidence(view, acl, f"{len(rules)} {way.value} rules, then {acl.default.value}")
