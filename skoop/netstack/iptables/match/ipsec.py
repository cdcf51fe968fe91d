"""-m policy, esp, ah: IPsec (xt_policy.c, xt_esp.c, ipt_ah.c).

skoop follows packets that no xfrm policy touches: CNIs that encrypt use WireGuard, or xfrm on the
underlay only. So `--pol none` holds and `--pol ipsec` does not, which is also what calico and ufw
rules with them expect of ordinary traffic. The assumption is stated in the answer.
"""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.answer import Answer
from skoop.model.packet import Packet
from skoop.netstack.iptables.match.base import (
    Match,
    MatchType,
    Option,
    Test,
    UnmodelledError,
    always,
    by_name,
    never,
)
from skoop.netstack.netfilter import View

_ESP, _AH = 50, 51
NO_IPSEC = "no IPsec policy applies to the packet"


def build_policy(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """none: yes; ipsec: no, whatever else it asks for."""
    wanted = by_name(options).get("pol")
    if wanted is None or wanted.value not in ("none", "ipsec"):
        raise UnmodelledError("this IPsec policy is not known")
    return Match(test=always if wanted.value == "none" else never, assumption=NO_IPSEC)


def _spi_test(proto: int, *, asks: bool) -> Test:
    def test(packet: Packet, view: View) -> Answer:  # noqa: ARG001
        if packet.proto != proto:
            return False
        return None if asks else True

    return test


def build_esp(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """An ESP packet's SPI is not known."""
    return Match(test=_spi_test(_ESP, asks=bool(options)), why="the packet's SPI is not known")


def build_ah(options: tuple[Option, ...], family: Family) -> Match:  # noqa: ARG001
    """An AH packet's SPI is not known."""
    return Match(test=_spi_test(_AH, asks=bool(options)), why="the packet's SPI is not known")


_POLICY = dict.fromkeys(
    ("dir", "pol", "reqid", "spi", "proto", "mode", "tunnel-src", "tunnel-dst"), 1
)
POLICY = MatchType("policy", {**_POLICY, "strict": 0, "next": 0}, build_policy)
ESP = MatchType("esp", {"espspi": 1}, build_esp)
AH = MatchType("ah", {"ahspi": 1, "ahlen": 1, "ahres": 0}, build_ah)
