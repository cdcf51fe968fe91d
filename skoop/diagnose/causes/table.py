"""Which function explains which reason."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from skoop.diagnose.causes import delivery, links, routing, rules
from skoop.diagnose.causes.base import Setting
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.story import Blocker, Leg
from skoop.model.diagnosis import Suspicion
from skoop.netstack.walk.events import Reason

_CAUSES: dict[Reason, Callable[[Setting], Suspicion | None]] = {
    Reason.RULE: rules.by_rule,
    Reason.CONNTRACK_FULL: links.conntrack_full,
    Reason.NAT_FAILED: links.nat_failed,
    Reason.NO_PORT: links.no_port,
    Reason.FORWARDING_OFF: routing.forwarding,
    Reason.RP_FILTER: routing.reverse_path,
    Reason.MARTIAN_SOURCE: routing.martian_source,
    Reason.MARTIAN_DESTINATION: routing.martian_destination,
    Reason.ROUTE_MISSING: routing.route_missing,
    Reason.ROUTE_TYPE: routing.route_type,
    Reason.POLICY_RULE: routing.policy_rule,
    Reason.SOURCE_NOT_LOCAL: routing.source_not_local,
    Reason.TTL: routing.loop,
    Reason.LOOP: routing.loop,
    Reason.MTU: links.too_big,
    Reason.PEER_MTU: links.peer_mtu,
    Reason.LINK_DOWN: links.link_down,
    Reason.PEER_MISSING: links.peer_missing,
    Reason.LINK_MISSING: links.link_missing,
    Reason.TC_DROP: links.tc_drop,
    Reason.PROGRAM: links.program,
    Reason.NEIGHBOUR: links.unresolved,
    Reason.TABLE_FULL: links.table_full,
    Reason.CONTESTED: links.contested,
    Reason.WRONG_MAC: links.wrong_mac,
    Reason.FDB_MISSING: links.fdb_missing,
    Reason.WIREGUARD_PEER: links.wireguard_peer,
    Reason.WIREGUARD_ENDPOINT: links.wireguard_endpoint,
    Reason.WIREGUARD_KEYS: links.wireguard_keys,
    Reason.FLOOD_OFF: links.flood_off,
    Reason.PORT_STATE: links.port_state,
    Reason.VLAN: links.vlan_filtered,
    Reason.HAIRPIN: links.hairpin,
    Reason.ISOLATED: links.isolated,
    Reason.TUNNEL_LOCAL: routing.tunnel_local,
    Reason.TUNNEL_UNKNOWN: links.tunnel_unknown,
    Reason.TUNNEL_ROUTE: routing.tunnel_route,
    Reason.ECHO_IGNORED: delivery.echo_ignored,
    Reason.NO_LISTENER: delivery.no_listener,
    Reason.BACKLOG_FULL: delivery.backlog_full,
    Reason.DISABLED_IPV6: links.disabled_ipv6,
    Reason.FAR_END: routing.left,
}

_ANSWERS = (Leg.ANSWER, Leg.ANSWER_DATA, Leg.ERROR)


def cause_of(cluster: Cluster, blocker: Blocker) -> Suspicion | None:
    """The suspicion for a blocker, None when there is nothing to blame (or nothing is known)."""
    if blocker.stop.suspicion is not None:
        return replace(blocker.stop.suspicion, direction=blocker.direction)
    setting = Setting(cluster, blocker)
    if blocker.leg in _ANSWERS and blocker.stop.reason is Reason.NO_LISTENER:
        return links.astray(setting)
    explain = _CAUSES.get(blocker.stop.reason)
    return explain(setting) if explain else None
