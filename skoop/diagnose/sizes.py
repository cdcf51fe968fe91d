"""Packets too big for the way: the sender must be told, or must not insist.

A sender that hears "fragmentation needed" sends less, so a narrow link alone stops nobody. What
stops a transfer is what loses that message; or a sender that forbids to split what it sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from skoop.diagnose.causes.base import Setting
from skoop.diagnose.causes.table import cause_of
from skoop.diagnose.story import Blocker, Leg, Row
from skoop.diagnose.trials import Inquiry, identity
from skoop.findings.mtu import DfTooBig, MssClampMissing, PmtudBlocked
from skoop.model.address import Family
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.model.packet import Packet, Proto
from skoop.model.trace import Evidence
from skoop.netstack.state import Namespace
from skoop.netstack.walk.events import Reason
from skoop.netstack.walk.icmp import Problem


class Sizes(Struct, frozen=True):
    """What is told about sizes, and the blockers that it explains. `hints` would help as well."""

    suspicions: tuple[Suspicion, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    hints: tuple[Suspicion, ...] = ()


def size_causes(inquiry: Inquiry) -> Sizes:
    """Why senders do not learn that their packets are too big, or cannot make use of it."""
    causes: dict[object, Suspicion] = {}
    hints: dict[object, Suspicion] = {}
    explained: list[Blocker] = []
    for row in inquiry.settled.rows:
        lost, big = _lost_message(row)
        if lost is not None and big is not None:
            causes.setdefault(identity(lost), _blocked(inquiry, lost, big))
            hints |= {each.where: each for each in _no_clamp(inquiry, big)}
            explained.append(lost)
        elif row.result is Result.MSGSIZE and inquiry.question.df and row.blockers:
            first = row.blockers[0]
            causes.setdefault(identity(first), _too_big(inquiry, first))
            explained.append(first)
    return Sizes(tuple(causes.values()), tuple(explained), tuple(hints.values()))


def about_sizes(suspicions: Iterable[Suspicion]) -> bool:
    """Whether all of these are about sizes, which alone stop no sender that is told of them."""
    return all(each.code.startswith("MTU") for each in suspicions)


def without(blockers: Sequence[Blocker], sizes: Sizes) -> list[Blocker]:
    """The blockers that sizes do not explain."""
    known = {identity(each) for each in sizes.blockers}
    return [each for each in blockers if identity(each) not in known]


def _lost_message(row: Row) -> tuple[Blocker | None, Blocker | None]:
    """What lost a message "too big", and what the message was about."""
    for lost, big in zip(row.blockers, row.blockers[1:], strict=False):
        if lost.leg is Leg.ERROR and says_too_big(lost.packet) and big.stop.limit:
            return lost, big
    return None, None


def says_too_big(packet: Packet) -> bool:
    """Whether a packet is ICMP's "fragmentation needed", or "packet too big" of IPv6."""
    kinds = Problem.TOO_BIG.value
    kind = kinds[0] if packet.family is Family.V4 else kinds[1]
    return packet.quoted is not None and (packet.icmp.type, packet.icmp.code) == kind


def _blocked(inquiry: Inquiry, lost: Blocker, big: Blocker) -> Suspicion:
    at, narrow = Setting(inquiry.cluster, lost), Setting(inquiry.cluster, big)
    name = "fragmentation needed" if lost.packet.family is Family.V4 else "packet too big"
    message = (
        f'{at.place} loses the "{name}" message for {lost.packet.destination}, which goes on '
        f"sending {big.packet.size} bytes where {big.stop.device} on {narrow.place} carries "
        f"{big.stop.limit}"
    )
    direct = cause_of(inquiry.cluster, lost)
    made = at.suspect(
        PmtudBlocked,
        message,
        evidence=lost.stop.evidence or (Evidence(f"walk on {lost.node}", lost.stop.detail),),
        fix=_let_through(lost, direct),
        why=f"{lost.packet}: {lost.stop.detail}; about {big.packet}",
    )
    # The sender's own packets are what does not get through.
    return replace(
        made,
        direction=big.direction,
        evidence=tuple(dict.fromkeys((*made.evidence, *big.stop.evidence))),
    )


def _let_through(lost: Blocker, direct: Suspicion | None) -> str:
    engine, _, rest = lost.stop.where.partition(" ")
    table, _, chain = rest.rpartition(" ")
    if lost.stop.reason is Reason.RULE and "tables-" in engine:
        at = "" if table == "filter" else f"-t {table} "
        v4 = lost.packet.family is Family.V4
        kind = "icmp --icmp-type fragmentation-needed" if v4 else "icmpv6 --icmpv6-type 2"
        return f"{_engine(lost)} {at}-I {chain} -p {kind} -j ACCEPT"
    return direct.fix if direct is not None else ""


def _engine(blocker: Blocker) -> str:
    return "iptables" if blocker.packet.family is Family.V4 else "ip6tables"


def _no_clamp(inquiry: Inquiry, big: Blocker) -> list[Suspicion]:
    """Where TCP gets narrower and no rule lowers what the ends announce."""
    stack = inquiry.flight.world.stacks.get(big.node)
    forwards = (
        stack is not None
        and big.packet.src
        and not stack.is_local(big.packet.family, big.packet.src)
    )
    if stack is None or not forwards or big.packet.proto != Proto.TCP:
        return []
    if "rulesets" in stack.gaps or _clamps(stack.namespace):
        return []
    link = Evidence(f"link {big.stop.device} on {big.node}", f"mtu {big.stop.limit}")
    return [
        MssClampMissing.suspect(
            where=Where.of(big.node),
            direction=Direction.FORWARD,
            message=f"{Setting(inquiry.cluster, big).place} does not lower the segment size of "
            f"connections that go out by {big.stop.device} (MTU {big.stop.limit})",
            evidence=(link, Evidence(f"rules on {big.node}", "none with TCPMSS or maxseg")),
            why="with it, TCP would not depend on the message that is lost",
            fix=f"{_engine(big)} -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN "
            f"-o {big.stop.device} -j TCPMSS --clamp-mss-to-pmtu",
        )
    ]


def _clamps(namespace: Namespace) -> bool:
    return any(
        word in ruleset.text for ruleset in namespace.rulesets for word in ("TCPMSS", "maxseg")
    )


def _too_big(inquiry: Inquiry, first: Blocker) -> Suspicion:
    setting = Setting(inquiry.cluster, first)
    stop, packet = first.stop, first.packet
    headers = packet.size - inquiry.question.size
    by = f" by {stop.device}" if stop.device else ""
    message = (
        f"{packet.size} bytes that may not be fragmented go out{by} on {setting.place}, which "
        f"carries {stop.limit}"
    )
    fix = f"send at most {stop.limit - headers} bytes of payload at once, or allow fragments"
    return setting.suspect(DfTooBig, message, fix=fix)
