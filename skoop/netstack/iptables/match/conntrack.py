"""-m conntrack and -m state: what the connection tracker says (xt_conntrack.c, conntrack_mt)."""

from __future__ import annotations

from collections.abc import Callable

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet, port_within
from skoop.netstack.conntrack import Connection, CtState, CtStatus
from skoop.netstack.iptables.match.base import (
    Match,
    MatchType,
    Option,
    Test,
    UnmodelledError,
    all_of,
    always,
    either,
    undecided,
)
from skoop.netstack.iptables.match.portset import WHY
from skoop.netstack.iptables.protocols import protocol_number
from skoop.netstack.iptables.values import network, ports
from skoop.netstack.netfilter import View

_STATES = {state.value: state for state in CtState}
_TRANSLATIONS = {"SNAT": CtStatus.SNAT, "DNAT": CtStatus.DNAT}
_STATUSES = {
    "NONE": CtStatus.NONE,
    "EXPECTED": CtStatus.EXPECTED,
    "SEEN_REPLY": CtStatus.SEEN_REPLY,
    "ASSURED": CtStatus.ASSURED,
    "CONFIRMED": CtStatus.CONFIRMED,
}


def has_connection(view: View) -> bool:
    """INVALID and UNTRACKED packets have no nf_conn."""
    return view.ct.state not in (CtState.INVALID, CtState.UNTRACKED)


def _state_test(option: Option) -> Test:
    """--ctstate: the state, or one of the pseudo-states SNAT and DNAT of a tracked connection."""
    states, status = set(), CtStatus.NONE
    for name in option.value.upper().split(","):
        if name in _STATES:
            states.add(_STATES[name])
        elif name in _TRANSLATIONS:
            status |= _TRANSLATIONS[name]
        else:
            raise UnmodelledError(f"connection state {name[:20]!r} is not known")
    wanted = frozenset(states)
    if not status:

        def by_state(packet: Packet, view: View) -> Answer:  # noqa: ARG001
            return view.ct.state in wanted

        return either(by_state, inverted=option.inverted)

    def by_status(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        if view.ct.state in wanted:
            return True
        return has_connection(view) and bool(view.ct.status & status)

    return either(by_status, inverted=option.inverted)


def _address_test(
    option: Option, family: Family, pick: Callable[[Connection], int]
) -> Callable[[View], Answer]:
    base, mask = network(option.value, family)
    return lambda view: (pick(view.ct) & mask == base) is not option.inverted


def _port_test(option: Option, pick: Callable[[Connection], int]) -> Callable[[View], Answer]:
    low, high = ports(option.value)

    def test(view: View) -> Answer:
        answer = port_within(pick(view.ct), low, high)
        return None if answer is None else answer is not option.inverted

    return test


_ADDRESSES: dict[str, Callable[[Connection], int]] = {
    "ctorigsrc": lambda ct: ct.original.src,
    "ctorigdst": lambda ct: ct.original.dst,
    "ctreplsrc": lambda ct: ct.reply.src,
    "ctrepldst": lambda ct: ct.reply.dst,
}
_PORTS: dict[str, Callable[[Connection], int]] = {
    "ctorigsrcport": lambda ct: ct.original.sport,
    "ctorigdstport": lambda ct: ct.original.dport,
    "ctreplsrcport": lambda ct: ct.reply.sport,
    "ctrepldstport": lambda ct: ct.reply.dport,
}


def _proto_test(option: Option) -> Callable[[View], Answer]:
    wanted = protocol_number(option.value)
    return lambda view: (view.ct.original.proto == wanted) is not option.inverted


def _direction_test(option: Option) -> Callable[[View], Answer]:
    if option.value.upper() not in ("ORIGINAL", "REPLY"):
        raise UnmodelledError(f"direction {option.value[:20]!r} is not known")
    reply = (option.value.upper() == "REPLY") is not option.inverted
    return lambda view: view.ct.is_reply is reply


def _status_test(option: Option) -> Callable[[View], Answer]:
    """NONE is no bit at all, so it never matches unless negated."""
    mask = CtStatus.NONE
    for name in option.value.upper().split(","):
        if name not in _STATUSES:
            raise UnmodelledError(f"connection status {name[:20]!r} is not known")
        mask |= _STATUSES[name]
    return lambda view: bool(view.ct.status & mask) is not option.inverted


def _connection_test(option: Option, family: Family) -> Callable[[View], Answer]:
    if option.name in _ADDRESSES:
        return _address_test(option, family, _ADDRESSES[option.name])
    if option.name in _PORTS:
        return _port_test(option, _PORTS[option.name])
    if option.name == "ctproto":
        return _proto_test(option)
    if option.name == "ctdir":
        return _direction_test(option)
    return _status_test(option)


def _tests(option: Option, family: Family, *, with_state: bool) -> Test:
    if option.name in ("ctstate", "state"):
        return _state_test(option)
    if option.name == "ctexpire":
        return undecided
    inner = _connection_test(option, family)

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        """Without a connection the kernel stops here: yes if a state was asked for as well."""
        return inner(view) if has_connection(view) else with_state

    return test


def build(options: tuple[Option, ...], family: Family) -> Match:
    """Every --ct* option. How long an entry has left (--ctexpire) is not known."""
    with_state = any(option.name in ("ctstate", "state") for option in options)
    expires = any(option.name == "ctexpire" for option in options)
    return Match(
        test=all_of(_tests(option, family, with_state=with_state) for option in options)
        if options
        else always,
        why="the remaining lifetime of a connection is not known" if expires else WHY,
        modelled=not expires,
    )


_OPTIONS = {
    "ctstate": 1,
    "ctproto": 1,
    "ctstatus": 1,
    "ctexpire": 1,
    "ctdir": 1,
    **dict.fromkeys(_ADDRESSES, 1),
    **dict.fromkeys(_PORTS, 1),
}
MATCH = MatchType("conntrack", _OPTIONS, build)
STATE = MatchType("state", {"state": 1}, build)
