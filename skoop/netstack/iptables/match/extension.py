"""-m rt, hbh, dst, frag, mh: IPv6 extension headers (ip6t_rt.c, ip6t_hbh.c, ...).

skoop's packets have no extension headers; the kernel says no when the header is missing, even
under `!`.
"""

from __future__ import annotations

from skoop.model.address import Family
from skoop.netstack.iptables.match.base import Match, MatchType, Option, never


def build(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """No."""
    return Match(test=never)


RT = MatchType(
    "rt",
    {
        "rt-type": 1,
        "rt-segsleft": 1,
        "rt-len": 1,
        "rt-0-res": 0,
        "rt-0-addrs": 1,
        "rt-0-not-strict": 0,
    },
    build,
)
HBH = MatchType("hbh", {"hbh-len": 1, "hbh-opts": 1}, build)
DST = MatchType("dst", {"dst-len": 1, "dst-opts": 1}, build)
FRAG = MatchType(
    "frag",
    {"fragid": 1, "fraglen": 1, "fragres": 0, "fragfirst": 0, "fragmore": 0, "fraglast": 0},
    build,
)
MH = MatchType("mh", {"mh-type": 1}, build)
