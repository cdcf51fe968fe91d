"""`tproxy to ADDRESS:PORT` (nft_tproxy.c): hands the packet to a local transparent socket.

Without such a socket the rule ends; with one the rule goes on, usually to `accept`.
"""

from __future__ import annotations

from msgspec import structs

from skoop.model.address import Family, parse_ip
from skoop.model.packet import Proto
from skoop.netstack.netfilter import Tproxy
from skoop.netstack.nft.datatypes import SERVICE
from skoop.netstack.nft.scope import Scope
from skoop.netstack.nft.stmt.base import Statement, Step, action
from skoop.netstack.nft.stmt.trail import fire
from skoop.netstack.nft.values import Json, UnmodelledError
from skoop.netstack.nft.world import Doubt, Flow, World

_FAMILY = {"ip": Family.V4, "ip6": Family.V6}


def compile_tproxy(json: Json, scope: Scope) -> Statement:
    """`{"family", "addr", "port"}`, each of which may be missing."""
    family = _FAMILY.get(json.get("family", scope.family))
    address = parse_ip(json["addr"])[1] if "addr" in json else 0
    port = SERVICE.integer(json.get("port", 0))
    if not address and not port:
        raise UnmodelledError("tproxy without a target")

    def act(world: World) -> Step:
        packet = world.packet
        if packet.proto not in (Proto.TCP, Proto.UDP) or family not in (None, packet.family):
            return world, Flow.BREAK
        sought = structs.replace(packet, dst=address or packet.dst, dport=port or packet.dport)
        found = world.view.host.has_socket(sought, transparent_only=True)
        if found is False:
            return world, Flow.BREAK
        target = structs.replace(world, tproxy=Tproxy(address, port))
        chosen = fire(target, f"tproxy to port {port or packet.dport}")
        if found is None:
            return chosen, Doubt("whether a transparent socket listens is not known", (Flow.NEXT,))
        return chosen, Flow.NEXT

    return action(act)
