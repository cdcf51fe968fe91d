"""`conntrack -L` and /proc/net/nf_conntrack -> CtEntry.

A line: [l3name l3num] l4name l4num [timeout] [STATE] tuple [UNREPLIED] tuple [ASSURED] key=value...
(net/netfilter/nf_conntrack_standalone.c, ct_seq_show; libnetfilter_conntrack snprintf_default.c).
"""

from __future__ import annotations

from msgspec import Struct

from skoop.errors import ParseError
from skoop.model.address import parse_ip
from skoop.model.packet import Proto
from skoop.netstack.conntrack import CtStatus, FlowTuple
from skoop.netstack.dump.number import to_number
from skoop.netstack.state import CtEntry

_L3 = frozenset(("ipv4", "ipv6"))
_WITH_PORTS = frozenset((Proto.TCP, Proto.UDP, Proto.SCTP, 33, 136))


def read_conntrack(text: str, source: str) -> tuple[CtEntry, ...]:
    """Every entry in the order listed. Raises ParseError."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip() or line.startswith("conntrack v"):
            continue
        try:
            found.append(_entry(line.strip()))
        except (ValueError, IndexError) as error:
            problem = str(error) if isinstance(error, ValueError) else "a line that ends early"
            raise ParseError(source, number, problem, line) from error
    return tuple(found)


class _Words(Struct):
    """A line taken apart: two tuples' fields and the rest."""

    tuples: tuple[dict[str, str], dict[str, str]]
    rest: dict[str, str]
    flags: set[str]


def _entry(line: str) -> CtEntry:
    words = line.split()
    if words[0] in _L3:
        words = words[2:]
    proto = int(words[1])
    rest = words[2:]
    if rest and rest[0].isdigit():
        rest = rest[1:]
    state = ""
    if rest and "=" not in rest[0] and not rest[0].startswith("["):
        state, rest = rest[0], rest[1:]
    parts = _take_apart(rest)
    original = _tuple(proto, parts.tuples[0])
    reply = _tuple(proto, parts.tuples[1])
    return CtEntry(
        original=original,
        reply=reply,
        status=_status(original, reply, parts.flags),
        mark=to_number(parts.rest.get("mark", "0")),
        zone=to_number(parts.rest.get("zone", "0")),
        tcp_state=state if proto == Proto.TCP else "",
        raw=line,
    )


_TUPLE_KEYS = frozenset(
    [
        "src",
        "dst",
        "sport",
        "dport",
        "type",
        "code",
        "id",
        "srckey",
        "dstkey",
        "callid",
        "packets",
        "bytes",
    ]
)


def _take_apart(words: list[str]) -> _Words:
    parts = _Words(({}, {}), {}, set())
    current = -1
    for word in words:
        if word.startswith("["):
            parts.flags.add(word.strip("[]"))
            continue
        key, equals, value = word.partition("=")
        if not equals:
            # A label's or helper's free text; it never precedes the tuples.
            if current < 1:
                raise ValueError(f"not a key=value: {word[:40]!r}")
            continue
        if key == "src":
            current += 1
        if key in _TUPLE_KEYS and 0 <= current < 2:
            parts.tuples[current].setdefault(key, value)
        else:
            parts.rest[key] = value
    return parts


def _tuple(proto: int, fields: dict[str, str]) -> FlowTuple:
    if "src" not in fields or "dst" not in fields:
        raise ValueError("an entry without two tuples")
    family, source = parse_ip(fields["src"])
    other, destination = parse_ip(fields["dst"])
    if family is not other:
        raise ValueError("a tuple of two families")
    if proto not in _WITH_PORTS:
        return FlowTuple(family, proto, source, destination)
    sport, dport = to_number(fields.get("sport", "")), to_number(fields.get("dport", ""))
    return FlowTuple(family, proto, source, destination, sport, dport)


def _status(original: FlowTuple, reply: FlowTuple, flags: set[str]) -> CtStatus:
    """IPS_SRC_NAT and IPS_DST_NAT are not printed: they follow from the reply tuple, which a
    translation changes (net/netfilter/nf_nat_core.c, nf_nat_setup_info)."""
    status = CtStatus.CONFIRMED
    if "UNREPLIED" not in flags:
        status |= CtStatus.SEEN_REPLY
    if flags & {"ASSURED", "OFFLOAD", "HW_OFFLOAD"}:
        status |= CtStatus.ASSURED
    if (reply.src, reply.sport) != (original.dst, original.dport):
        status |= CtStatus.DNAT
    if (reply.dst, reply.dport) != (original.src, original.sport):
        status |= CtStatus.SNAT
    return status
