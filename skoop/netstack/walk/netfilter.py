"""Running a hook in the story: the view it gets, the steps it leaves, the stops it causes."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skoop.model.address import Family
from skoop.model.disposition import Disposition
from skoop.model.packet import Packet, Proto
from skoop.model.trace import Evidence, StepKind
from skoop.netstack.netfilter import Action, Fired, Guess, Hook, NatKind, Unknown, View
from skoop.netstack.stack import Stack
from skoop.netstack.stages import NO_FREE_PORT, Scene, State
from skoop.netstack.tracking import Tracked, attach_reply, track
from skoop.netstack.walk.events import Branch, Errno, Reason, Stop, Stopped
from skoop.netstack.walk.icmp import rejection

_QUIET = ("jump ", "goto ", "return", "policy accept")


class Passage(Struct, frozen=True):
    """Where a hook stands in a packet's way: the devices, whether it is the host's own, and
    whether IPVS has sent it on already."""

    iif: str = ""
    oif: str = ""
    physin: str = ""
    physout: str = ""
    local: bool = False
    nexthop: int = 0
    sent_on: bool = False


class Passed(Struct, frozen=True):
    """A hook let the packet through; with `sent_on` IPVS took it and sends it to a real server."""

    branch: Branch
    packet: Packet
    tracked: Tracked
    rerouted: bool = False
    tproxy_port: int = 0
    sent_on: bool = False


def run_hook(
    stack: Stack, hook: Hook, packet: Packet, tracked: Tracked, branch: Branch, passage: Passage
) -> tuple[Passed | Stopped, ...]:
    """Every way a hook can go. Branches that did not split keep their weight."""
    unseen = _unseen_rules(stack, packet, branch)
    if unseen is not None:
        branch, stopped = unseen
        return (stopped, *run_hook(stack, hook, packet, tracked, branch, passage))
    plan = stack.plan(hook, packet.family)
    scene = _scene(stack, hook, tracked, branch, passage)
    states = plan.run(packet, tracked, scene)
    return tuple(_after(stack, hook, packet, state, branch, passage) for state in states)


def _unseen_rules(stack: Stack, packet: Packet, branch: Branch) -> tuple[Branch, Stopped] | None:
    """Rules that were not collected may drop the packet: once per namespace both is followed."""
    why = stack.gaps.get("rulesets")
    if not why:
        return None
    unknown = Unknown(f"firewall of {stack.id}", "", why)
    if any(guess.unknown == unknown for guess in branch.guesses):
        return None
    passes = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=False)))
    drops = replace(branch, guesses=(*branch.guesses, Guess(unknown, matched=True)))
    stop = Stop(
        disposition=Disposition.INSUFFICIENT_INFO,
        reason=Reason.NOT_COLLECTED,
        detail=f"the firewall rules of {stack.id} were not collected",
    )
    return passes, Stopped(drops, stop, packet)


def _scene(stack: Stack, hook: Hook, tracked: Tracked, branch: Branch, passage: Passage) -> Scene:
    view = View(
        hook=hook,
        host=stack,
        ct=tracked.connection,
        iif=passage.iif,
        oif=passage.oif,
        physin=passage.physin,
        physout=passage.physout,
        local=passage.local,
        mac=branch.mac,
    )

    def attach(packet: Packet, before: Tracked) -> Tracked | None:
        opened = branch.opened.get(stack.id, ())
        pick_up = stack.sysctls.number("net.netfilter.nf_conntrack_tcp_loose", 1) > 0
        found = track(packet, before, opened, stack.connections, pick_up=pick_up)
        is_new = found.exists and not found.confirmed
        if is_new and stack.tracks_connections and stack.conntrack_full():
            return None
        return found

    def primary(kind: NatKind, packet: Packet) -> int:
        if kind is NatKind.MASQUERADE:
            v4 = packet.family is Family.V4  # nf_nat_masquerade_ipv6() asks for the destination
            towards = passage.nexthop if v4 and passage.nexthop else packet.dst
            return stack.select_source(passage.oif, packet.family, towards, global_only=True)
        if hook is Hook.OUTPUT:
            return 0x7F000001 if packet.family is Family.V4 else 1
        return stack.select_source(passage.iif, packet.family, packet.src)

    return Scene(
        view=view, track=attach, primary=primary, sent_on=passage.sent_on,
        in_use=stack.connections,
    )  # fmt: skip


def _after(
    stack: Stack, hook: Hook, before: Packet, state: State, branch: Branch, passage: Passage
) -> Passed | Stopped:
    story = _told(stack, before, state, branch)
    if state.action in (Action.ACCEPT, Action.TPROXY, Action.SENT_ON):
        return Passed(
            story, state.packet, state.tracked, state.rerouted, state.tproxy.port,
            state.action is Action.SENT_ON,
        )  # fmt: skip
    errno = _errno(hook, passage)
    if state.stopped_by:
        reason = _reason(state)
        unsure = reason is Reason.CONNTRACK_FULL and stack.namespace.conntrack.yielding
        stop = Stop(
            disposition=Disposition.INSUFFICIENT_INFO if unsure else Disposition.DROPPED,
            reason=reason,
            detail=state.stopped_by,
            evidence=_conntrack_evidence(stack),
        )
        return Stopped(story, stop, state.packet, errno=errno)
    return _stopped_by_rule(stack, hook, state, story, passage)


def _reason(state: State) -> Reason:
    if state.stopped_by.startswith(NO_FREE_PORT):
        return Reason.NO_PORT
    failed = state.nat or "found no" in state.stopped_by
    return Reason.NAT_FAILED if failed else Reason.CONNTRACK_FULL


def _errno(hook: Hook, passage: Passage) -> Errno:
    return Errno.EPERM if passage.local and hook is not Hook.INPUT else Errno.NONE


def _stopped_by_rule(
    stack: Stack, hook: Hook, state: State, story: Branch, passage: Passage
) -> Stopped:
    """A reset about a packet that came by a bridge port with br_netfilter leaves by that port,
    past all hooks and untranslated (nf_send_reset(), nf_bridge_get_physindev())."""
    fired = state.fired[-1] if state.fired else Fired(f"hook {hook.name}", "", "drop")
    rejected = state.action is Action.REJECT
    stop = Stop(
        disposition=Disposition.REJECTED if rejected else Disposition.DROPPED,
        reason=Reason.RULE,
        detail=f"{fired.effect} in {fired.where}",
        evidence=(_evidence(stack, fired),),
        rule=fired.rule,
        where=fired.where,
    )
    errno = _errno(hook, passage)
    if not rejected:
        return Stopped(story, stop, state.packet, errno=errno)
    answer, _ = rejection(state.packet, state.reject_with)
    if answer is not None and hook is Hook.INPUT and answer.src == 0:
        answer = replace(answer, src=state.packet.dst)
    is_reset = answer is not None and answer.proto == Proto.TCP
    port = passage.physin if is_reset else ""
    return Stopped(story, stop, state.packet, answer, attach_reply(state.tracked), port, errno)


def _told(stack: Stack, before: Packet, state: State, branch: Branch) -> Branch:
    """The branch with the hook's weight and guesses, and a step for each rule that acted."""
    if state.weight != 1.0 or state.guesses:
        branch = replace(
            branch,
            weight=branch.weight * state.weight,
            guesses=(*branch.guesses, *(g for g in state.guesses if g not in branch.guesses)),
        )
    for fired in state.fired:
        if not fired.idle and not fired.effect.startswith(_QUIET):
            detail = f"{fired.where}: {fired.effect}"
            branch = branch.noting(StepKind.NETFILTER, detail, _evidence(stack, fired))
    after = state.packet
    if (after.src, after.sport, after.dst, after.dport) != (
        before.src,
        before.sport,
        before.dst,
        before.dport,
    ):
        branch = branch.noting(StepKind.NAT, f"{before} becomes {after}")
    return branch


def _evidence(stack: Stack, fired: Fired) -> Evidence:
    return Evidence(f"{fired.where} on {stack.id}", fired.rule)


def _conntrack_evidence(stack: Stack) -> tuple[Evidence, ...]:
    table = stack.namespace.conntrack
    if not table.limit:
        return ()
    text = f"{table.count} of {table.limit} entries"
    if table.count >= table.limit:
        text += f", {table.yielding} of them not known to be ASSURED"
    return (Evidence(f"conntrack on {stack.id}", text),)
