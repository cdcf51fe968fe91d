"""From a question to a Diagnosis."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skoop.cluster.resolve import Ends, Target
from skoop.diagnose.alive import answered
from skoop.diagnose.blame import blame
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.conversation import Conversation
from skoop.diagnose.ends import of_ends
from skoop.diagnose.flight import Flight
from skoop.diagnose.path import path_of
from skoop.diagnose.policy.causes import policy_doubts
from skoop.diagnose.question import Client, Question
from skoop.diagnose.service import unasked
from skoop.diagnose.story import Row
from skoop.diagnose.summary import summarise
from skoop.diagnose.trials import Inquiry
from skoop.diagnose.verdict import Settled, settle, visible
from skoop.model.address import Family, format_ip, is_private
from skoop.model.diagnosis import BranchOutcome, Diagnosis, Endpoint, EndpointKind, NotChecked
from skoop.model.disposition import Disposition, Result, Verdict
from skoop.model.packet import EPHEMERAL, Packet, Proto, protocol_name
from skoop.service.config import ProxyMode

_ANY_ENTRY = (
    "whatever has the address {address} outside hands packets to any of the nodes, with that "
    "address as their destination"
)
_UNSEEN = (Disposition.LEFT_NETWORK, Disposition.INSUFFICIENT_INFO)


class Case(Struct, frozen=True, kw_only=True):
    """A question about two endpoints that have been found. `sport` 0 is any; `size` in bytes."""

    ends: Ends
    proto: int
    port: int
    sport: int = 0
    size: int = 0
    df: bool = False


class Diagnostor:
    """Answers cases about one cluster."""

    def __init__(self, cluster: Cluster, flight: Flight) -> None:
        self._cluster = cluster
        self._flight = flight

    def diagnose(self, case: Case) -> Diagnosis:
        """Walk the case there and back, and say why when it fails."""
        source, destination = case.ends.source, case.ends.destination
        assumptions = [*source.assumptions, *destination.assumptions]
        problem = self._cannot_ask(case)
        clients = () if problem else self._clients(case)
        if not clients:
            why = problem or self._no_entry(source, destination)
            undecided = self._undecided(case, why, tuple(assumptions))
            return self._impossible(undecided) if problem and undecided.suspicions else undecided
        if len(clients) > 1 and self._is_balanced(destination):
            assumptions.append(_ANY_ENTRY.format(address=destination.endpoint.ip))
        question = self._question(case, case.ends.destination.ips[0][1])
        rows = []
        for row in self._walk(clients, question):
            seen, said = answered(row)
            rows.append(seen)
            assumptions += [said] if said else []
            assumptions += [_taken_to_answer(seen)] if _is_assumed(seen) else []
            assumptions += seen.assumed
        unseen = self._served_out_of_sight(case)
        if unseen:
            rows = [row if row.result is Result.OK else replace(row, result=Result.UNKNOWN)
                    for row in rows]  # fmt: skip
        way_in = _untold_way_in(clients, case)
        if way_in:
            rows = [replace(row, result=Result.UNKNOWN) if row.result is Result.OK else row
                    for row in rows]  # fmt: skip
        settled = settle(rows)
        inquiry = Inquiry(self._cluster, self._flight, clients[0], question, case.ends, settled)
        suspicions = blame(inquiry)
        return Diagnosis(
            verdict=settled.verdict,
            source=source.endpoint,
            destination=_with_port(destination.endpoint, case.port),
            protocol=protocol_name(case.proto).replace("icmpv6", "icmp"),
            summary=summarise(case.ends, case.port, settled, suspicions),
            outcomes=self._outcomes(settled),
            suspicions=suspicions,
            path=path_of(
                (trace for row in settled.rows for trace in row.traces[:2]),
                self._cluster.address_of,
            ),
            traces=tuple(
                replace(trace, branch=branch)
                for branch, row in enumerate(settled.rows)
                for trace in row.traces
            ),
            not_checked=(
                *self._cluster.notes, *_undecided_rules(settled), *_out_of_sight(settled),
                *_ways_in(clients, settled, destination), *_unseen_on_the_way(settled), *unseen,
                *way_in,
                *policy_doubts(inquiry),
            ),
            assumptions=tuple(dict.fromkeys(assumptions)),
        )  # fmt: skip

    # --- the question ------------------------------------------------------------------------

    def _question(self, case: Case, address: int) -> Question:
        icmp = case.proto in (Proto.ICMP, Proto.ICMPV6)
        v6 = case.ends.family is Family.V6
        return Question(
            family=case.ends.family,
            proto=(Proto.ICMPV6 if v6 else Proto.ICMP) if icmp else case.proto,
            dst=address,
            dport=0 if icmp else case.port,
            sport=0 if icmp else case.sport or EPHEMERAL,
            size=case.size,
            df=case.df,
        )

    def _cannot_ask(self, case: Case) -> str:
        """Why there is nothing to send, "" when there is."""
        source, destination = case.ends.source, case.ends.destination
        for target in (source, destination):
            if not target.ips:
                return f"{target.endpoint} has no address"
        if case.ends.apart:
            return f"{source.endpoint} and {destination.endpoint} have no IP version in common"
        return ""

    def _impossible(self, undecided: Diagnosis) -> Diagnosis:
        """A pod that never got an address is not reached, whatever the network is like."""
        suspicions = tuple(replace(each, blocking=True) for each in undecided.suspicions)
        outcome = replace(undecided.outcomes[0], result=Result.UNREACHABLE)
        ends = f"{undecided.source} cannot reach {undecided.destination}"
        return replace(
            undecided,
            verdict=Verdict.UNREACHABLE,
            summary=f"{ends}: {suspicions[0].message}.",
            outcomes=(outcome,),
            suspicions=suspicions,
        )

    def _clients(self, case: Case) -> tuple[Client, ...]:
        """The namespace that asks; for an address outside the way in, or every way in when a load
        balancer may choose any node. () when that cannot be told."""
        stack_id = self._namespace_of(case.ends.source)
        stack = self._cluster.world.stacks.get(stack_id) if stack_id else None
        if stack is not None:
            return (Client(stack),)
        if stack_id:
            return ()
        family, address = case.ends.source.ips[0]
        destination = case.ends.destination
        asking = Packet(family=family, proto=case.proto, src=address, dst=destination.ips[0][1])
        if self._flight.takes(asking):
            return (Client(None, address),)
        owners = self._cluster.world.owners(*destination.ips[0])
        if owners:
            each_once = {stack.id: (stack, link) for stack, link in reversed(owners)}
            return tuple(Client(None, address, entry) for entry in each_once.values())
        if not self._is_balanced(destination):
            return ()
        hosts = self._cluster.world.hosts.values()
        entries = (self._cluster.world.way_in(host, destination.ips[0][0]) for host in hosts)
        return tuple(Client(None, address, entry) for entry in entries if entry)

    def _is_balanced(self, destination: Target) -> bool:
        """Whether an address is one that something outside spreads over the nodes."""
        family, address = destination.ips[0]
        for service in self._cluster.inventory.services_with_ip((family, address)):
            if (family, address) not in service.cluster_ips:
                return True
        return False

    def _served_out_of_sight(self, case: Case) -> tuple[NotChecked, ...]:
        """Why packets to a Service cannot be followed: what serves it is no kube-proxy. What the
        API says of its backends can still be told."""
        mode = self._cluster.facts.proxy_mode
        services = self._cluster.inventory.services_with_ip(case.ends.destination.ips[0])
        if mode.value is not ProxyMode.EBPF or not services:
            return ()
        named = f"{services[0].namespace}/{services[0].name}"
        slices = self._cluster.inventory.slices_of(services[0].namespace, services[0].name)
        ready = sum(each.ready for one in slices for each in one.endpoints)
        why = (
            f"not kube-proxy but {mode.source} serves it, which is not simulated; by the API "
            f"{ready} endpoints of it are ready"
        )
        return (NotChecked(f"the translation of Service {named}", why),)

    def _walk(self, clients: tuple[Client, ...], question: Question) -> list[Row]:
        """The rows of every way in; unknown when they do not all end alike."""
        found = [Conversation(self._flight, client, question).run() for client in clients]
        owners = self._cluster.world.owners(question.family, question.dst)
        contested = len({stack.id for stack, _ in owners}) > 1
        told = visible if contested else _result
        if len({frozenset(told(row) for row in rows) for rows in found}) == 1:
            return [row for rows in found for row in rows]
        return [replace(row, result=Result.UNKNOWN, left=None) for rows in found for row in rows]

    def _namespace_of(self, target: Target) -> str:
        """The id of the namespace an endpoint lives in, "" for an address outside."""
        if target.pod is not None:
            if target.pod.host_network:
                return f"node/{target.pod.node}"
            return f"pod/{target.pod.namespace}/{target.pod.name}"
        if target.node is not None:
            return f"node/{target.node.name}"
        owners = self._cluster.world.owners(*target.ips[0]) if target.ips else []
        return owners[0][0].id if owners else ""

    def _no_entry(self, source: Target, destination: Target) -> str:
        if self._namespace_of(source):
            return f"the network namespace of {source.endpoint} was not collected"
        return (
            f"it is not known by which node a packet for {destination.endpoint.ip} from outside "
            "comes in"
        )

    def _undecided(self, case: Case, why: str, assumptions: tuple[str, ...]) -> Diagnosis:
        destination = _with_port(case.ends.destination.endpoint, case.port)
        return Diagnosis(
            verdict=Verdict.UNKNOWN,
            source=case.ends.source.endpoint,
            destination=destination,
            protocol=protocol_name(case.proto),
            summary=f"Cannot tell: {why}.",
            outcomes=(BranchOutcome(weight=1.0, result=Result.UNKNOWN),),
            suspicions=(*unasked(self._cluster, case.ends), *of_ends(self._cluster, case.ends)),
            not_checked=(*self._cluster.notes, NotChecked("the whole path", why)),
            assumptions=assumptions,
        )

    # --- the answer --------------------------------------------------------------------------

    def _outcomes(self, settled: Settled) -> tuple[BranchOutcome, ...]:
        """A row per outcome that can be told apart, the heaviest first."""
        merged: dict[object, list[int]] = {}
        for branch, row in enumerate(settled.rows):
            merged.setdefault(visible(row), []).append(branch)
        outcomes = [
            replace(
                self._outcome(settled.rows[branches[0]]),
                weight=round(sum(settled.rows[branch].weight for branch in branches), 6),
                branches=tuple(branches),
            )
            for branches in merged.values()
        ]
        outcomes.sort(key=lambda outcome: -outcome.weight)
        return tuple(outcomes)

    def _outcome(self, row: Row) -> BranchOutcome:
        if row.at is None:
            return BranchOutcome(weight=row.weight, result=row.result)
        ip = format_ip(row.at.family, row.at.dst)
        if row.server:
            server = self._cluster.endpoint_at(row.server, ip, row.at.dport)
        else:
            server = Endpoint(kind=EndpointKind.EXTERNAL, name=ip, ip=ip, port=row.at.dport)
        seen = format_ip(row.at.family, row.at.src)
        return BranchOutcome(weight=row.weight, result=row.result, server=server, seen_source=seen)


def _with_port(endpoint: Endpoint, port: int) -> Endpoint:
    return replace(endpoint, port=port) if port else endpoint


def _is_assumed(row: Row) -> bool:
    """Whether a row is well because something outside is taken to answer."""
    return row.result is Result.OK and row.left is not None and row.left.beyond.answers


def _taken_to_answer(row: Row) -> str:
    left = row.left
    assert left is not None
    port = f" port {left.packet.dport}" if left.packet.dport else ""
    return (
        f"{left.packet.destination}{port} ({left.beyond.gateway}) is taken to answer: nothing was "
        "collected of it"
    )


def _unseen_on_the_way(settled: Settled) -> tuple[NotChecked, ...]:
    """What the cloud under the nodes could not be asked about, where packets met it."""
    return tuple(dict.fromkeys(note for row in settled.rows for note in row.notes))


def _result(row: Row) -> Result:
    return row.result


def _ways_in(
    clients: tuple[Client, ...], settled: Settled, destination: Target
) -> tuple[NotChecked, ...]:
    """Why the answer depends on the node that a packet from outside is handed to."""
    if len(clients) < 2 or all(row.result is not Result.UNKNOWN for row in settled.rows):
        return ()
    why = (
        f"by which node packets for {destination.endpoint.ip} from outside come in is not known, "
        "and their ways do not all end alike"
    )
    return (NotChecked("the way in", why),)


def _untold_way_in(clients: tuple[Client, ...], case: Case) -> tuple[NotChecked, ...]:
    """Why nothing that arrives shows that a client of the internet arrives."""
    address = case.ends.destination.ips[0]
    from_internet = not is_private(*case.ends.source.ips[0])
    if clients[0].entry is None or not from_internet or not is_private(*address):
        return ()
    why = (
        f"{format_ip(*address)} is a private address, which no packet of the internet is sent to; "
        "what translates them on the way (NAT, a load balancer) is not known"
    )
    return (NotChecked("the way in", why),)


def _undecided_rules(settled: Settled) -> tuple[NotChecked, ...]:
    return tuple(
        NotChecked(f"{unknown.where}: {unknown.rule}", unknown.why) for unknown in settled.unknowns
    )


def _out_of_sight(settled: Settled) -> tuple[NotChecked, ...]:
    """What could not be followed: beyond the network, or for want of state."""
    found: dict[str, NotChecked] = {}
    for row in settled.rows:
        if row.result is not Result.UNKNOWN:
            continue
        for blocker in row.blockers:
            if blocker.stop.disposition in _UNSEEN:
                found[blocker.stop.detail] = NotChecked(
                    f"what follows on {blocker.node}", blocker.stop.detail
                )
    return tuple(found.values())
