"""-m helper and -m connlabel, connbytes: more about the connection (xt_helper.c, xt_connlabel.c,
xt_connbytes.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.conntrack import CtState, CtStatus
from skoop.netstack.iptables.match.base import Match, MatchType, Option, UnmodelledError
from skoop.netstack.iptables.match.conntrack import has_connection
from skoop.netstack.netfilter import View


def build_helper(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Connections that a helper expected (RELATED ones); "" is any helper."""
    if len(options) != 1:
        raise UnmodelledError("helper takes one name")
    wanted, inverted = options[0].value, options[0].inverted

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        expected = view.ct.state is CtState.RELATED or bool(view.ct.status & CtStatus.EXPECTED)
        if not has_connection(view) or not expected:
            return inverted
        if not view.ct.helper:
            return None
        return (not wanted or view.ct.helper == wanted) is not inverted

    return Match(test=test, why="the helper that expected this connection is not known")


def build_label(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Labels are not collected; --set adds one, so it holds wherever there is a connection."""
    inverted = any(option.inverted for option in options)
    sets = any(option.name == "set" for option in options)

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        if not has_connection(view):
            return inverted
        return not inverted if sets else None

    return Match(test=test, why="the labels of the connection are not known", modelled=sets)


def build_bytes(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """How much a connection carried is not known; without a connection: no."""

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return None if has_connection(view) else False

    return Match(test=test, why="how much the connection has carried is not known", modelled=False)


HELPER = MatchType("helper", {"helper": 1}, build_helper)
CONNLABEL = MatchType("connlabel", {"label": 1, "set": 0}, build_label, modelled=False)
CONNBYTES = MatchType(
    "connbytes",
    {"connbytes": 1, "connbytes-dir": 1, "connbytes-mode": 1},
    build_bytes,
    modelled=False,
)
