"""-m owner and -m cgroup: who made a packet (xt_owner.c, xt_cgroup.c).

Packets that this namespace forwards, and those its kernel makes, belong to no process. The user of
a local process is not collected.
"""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import Match, MatchType, Option
from skoop.netstack.netfilter import View

_WHY = "the user of the sending process is not known"


def _socketless(options: tuple[Option, ...]) -> bool:
    """Without a socket only a wholly negated match holds."""
    return all(option.inverted for option in options if option.name != "suppl-groups")


def build_owner(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """uid, gid and whether there is a socket at all."""
    asked = tuple(option for option in options if option.name != "suppl-groups")
    without_socket = _socketless(options)
    no_socket_wanted = any(o.name == "socket-exists" and o.inverted for o in asked)
    only_socket = all(o.name == "socket-exists" for o in asked)

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        if not view.local:
            return without_socket
        if no_socket_wanted:
            return False
        return True if only_socket else None

    single = asked[0] if len(asked) == 1 and len(options) == 1 else None
    return Match(
        test=test,
        why=_WHY,
        fact=("owner", single.name, *single.values) if single else (),
        flipped=single.inverted if single else False,
    )


def build_cgroup(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """Without a socket: no, even when negated."""

    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        return None if view.local else False

    single = options[0] if len(options) == 1 else None
    return Match(
        test=test,
        why="the control group of the sending process is not known",
        fact=("cgroup", single.name, *single.values) if single else (),
        flipped=single.inverted if single else False,
    )


MATCH = MatchType(
    "owner", {"uid-owner": 1, "gid-owner": 1, "socket-exists": 0, "suppl-groups": 0}, build_owner
)
CGROUP = MatchType("cgroup", {"cgroup": 1, "path": 1}, build_cgroup)
