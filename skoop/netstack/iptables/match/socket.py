"""-m socket: is there a local socket for this packet? (xt_socket.c)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option, UnmodelledError
from skoop.netstack.netfilter import View


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """--transparent wants a transparent one; --restore-skmark takes its mark, which nothing
    shows."""
    names = {option.name for option in options}
    if "restore-skmark" in names:
        raise UnmodelledError("the mark of a socket is not known")
    transparent_only = "transparent" in names

    def test(packet: Packet, view: View) -> Answer:
        return view.host.has_socket(packet, transparent_only=transparent_only)

    return Match(
        test=test,
        why="the sockets of this namespace are not known",
        fact=("socket", transparent_only),
    )


MATCH = MatchType("socket", {"transparent": 0, "nowildcard": 0, "restore-skmark": 0}, build)
