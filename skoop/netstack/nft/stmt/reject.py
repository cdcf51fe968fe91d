"""`reject` (nft_reject_inet.c). Both answers end the packet; a TCP reset needs a TCP packet, and a
reject with ICMP of one IP version only sees that version (nft hides the match it adds for that)."""

from __future__ import annotations

from skoop.model.address import Family
from skoop.model.packet import Proto
from skoop.netstack.netfilter import Action
from skoop.netstack.nft.datatypes import ICMP_CODE, ICMPV6_CODE, ICMPX_CODE
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, Step, action
from skoop.netstack.nft.values import Json, UnmodelledError
from skoop.netstack.nft.world import Final, Flow, World

_V4 = {
    0: "icmp-net-unreachable",
    1: "icmp-host-unreachable",
    2: "icmp-proto-unreachable",
    3: "icmp-port-unreachable",
    9: "icmp-net-prohibited",
    10: "icmp-host-prohibited",
    13: "icmp-admin-prohibited",
}
_V6 = {
    0: "icmp6-no-route",
    1: "icmp6-adm-prohibited",
    3: "icmp6-addr-unreachable",
    4: "icmp6-port-unreachable",
    5: "icmp6-policy-fail",
    6: "icmp6-reject-route",
}
_X = {0: (0, 0), 1: (3, 4), 2: (1, 3), 3: (13, 1)}
"""icmpx code to ICMP and ICMPv6 code (nft_reject.c, icmp_code_v4 and icmp_code_v6)."""


def _answers(kind: str, code: Json) -> dict[Family, str]:
    if kind == "icmp":
        number = ICMP_CODE.integer(code)
        return {Family.V4: _V4.get(number, f"icmp-code-{number}")}
    if kind == "icmpv6":
        number = ICMPV6_CODE.integer(code)
        return {Family.V6: _V6.get(number, f"icmp6-code-{number}")}
    if kind == "icmpx":
        v4, v6 = _X[ICMPX_CODE.integer(code)]
        return {Family.V4: _V4[v4], Family.V6: _V6[v6]}
    if kind == "tcp reset":
        return {Family.V4: "tcp-reset", Family.V6: "tcp-reset"}
    raise UnmodelledError(f"reject with {kind[:40]}")


def compile_reject(json: Json, _scope: Scope) -> Statement:
    """`{"type", "expr"}`; null rejects with port-unreachable."""
    kind = (json or {}).get("type", "icmpx")
    answers = _answers(kind, (json or {}).get("expr", "port-unreachable"))

    def act(world: World) -> Step:
        answer = answers.get(world.packet.family)
        if answer is None or (kind == "tcp reset" and world.packet.proto != Proto.TCP):
            return world, Flow.BREAK
        return world, Final(Action.REJECT, f"reject with {answer}", reject_with=answer)

    return action(act)
