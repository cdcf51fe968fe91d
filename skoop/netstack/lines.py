"""Entries of the state as the one line that iproute2 prints for them without -j.

What an engineer reads as evidence, and what a command that mends an entry repeats. Order of words:
print_route (ip/iproute.c), print_rule (ip/iprule.c), print_neigh (ip/ipneigh.c), print_fdb
(bridge/fdb.c). Words that decide nothing (`pref medium`, `expires`, `qlen`) are left out.
"""

from __future__ import annotations

from collections.abc import Container

from msgspec.structs import replace

from skoop.model.address import Family, Prefix, format_ip, with_port
from skoop.netstack.state import (
    Address,
    FdbEntry,
    Neighbour,
    NextHop,
    PolicyRule,
    Route,
    RouteType,
    WireguardPeer,
)

_MAIN = ("main", "254")
_DEFAULT_PREF = "medium"
_FAMILY_WORDS = {Family.V4: "inet ", Family.V6: "inet6 "}
PROTOCOL_NAMES = {
    1: "icmp",
    2: "igmp",
    4: "ipencap",
    6: "tcp",
    17: "udp",
    41: "ipv6",
    47: "gre",
    50: "esp",
    51: "ah",
    58: "ipv6-icmp",
    132: "sctp",
}
"""As getprotobynumber() and `ip rule` name them."""


def prefix_text(prefix: Prefix) -> str:
    """ "default", "10.0.0.0/8", "10.0.0.1": a host has no length."""
    if not prefix.length:
        return "default"
    text = format_ip(prefix.family, prefix.network)
    return text if prefix.length == prefix.family.bits else f"{text}/{prefix.length}"


def route_line(route: Route) -> str:
    """As `ip route show table all`: "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink"."""
    family, hops = route.destination.family, route.nexthops
    line = prefix_text(route.destination)
    if route.type is not RouteType.UNICAST:
        line = f"{route.type.value} {line}"
    if route.source is not None:
        line += f" from {prefix_text(route.source)}"
    if route.tos:
        line += f" tos {route.tos:#x}"
    if route.nhid:
        line += f" nhid {route.nhid}"
    if len(hops) == 1:
        line += _way(hops[0], family)
    if route.table not in _MAIN:
        line += f" table {route.table}"
    if route.protocol not in ("", "boot"):
        line += f" proto {route.protocol}"
    if route.scope != "global":
        line += f" scope {route.scope}"
    if route.prefsrc:
        line += f" src {format_ip(family, route.prefsrc)}"
    if route.metric:
        line += f" metric {route.metric}"
    if len(hops) == 1 and hops[0].flags:
        line += f" {' '.join(hops[0].flags)}"
    if route.cached_pmtu:
        line += " cache"
    if route.mtu:
        line += f" mtu lock {route.mtu}" if route.mtu_locked else f" mtu {route.mtu}"
    if route.pref != _DEFAULT_PREF:
        line += f" pref {route.pref}"
    if len(hops) > 1:
        line += "".join(_one_of_many(hop, family) for hop in hops)
    return line


def route_arguments(route: Route) -> str:
    """The line as `ip route add`, `replace` and `del` take it back: without what the kernel found
    out itself (linkdown, dead), and by its nexthop object alone when it has one."""
    kept = ("onlink", "pervasive")
    hops = tuple(
        replace(hop, flags=tuple(flag for flag in hop.flags if flag in kept))
        for hop in route.nexthops
        if not route.nhid
    )
    return route_line(replace(route, nexthops=hops, cached_pmtu=False))


def _way(hop: NextHop, family: Family) -> str:
    words = f" encap {hop.encap}" if hop.encap else ""
    if hop.gateway is not None:
        other = "" if hop.gateway[0] is family else _FAMILY_WORDS[hop.gateway[0]]
        words += f" via {other}{format_ip(*hop.gateway)}"
    return f"{words} dev {hop.device}" if hop.device else words


def _one_of_many(hop: NextHop, family: Family) -> str:
    flags = f" {' '.join(hop.flags)}" if hop.flags else ""
    return f" nexthop{_way(hop, family)} weight {hop.weight}{flags}"


def rule_line(rule: PolicyRule, *, detached: Container[str] = (), others: str = "") -> str:
    """As `ip rule`: "100: from 10.244.2.0/24 lookup 200".

    `detached` has "iif" and "oif" when no such device exists; `others` are the selectors that
    the rule itself keeps only by name.
    """
    words = [f"{rule.priority}:"]
    if rule.inverted:
        words.append("not")
    words.append(f"from {_selector(rule.source)}")
    if rule.destination is not None:
        words.append(f"to {_selector(rule.destination)}")
    if rule.tos:
        words.append(f"tos {rule.tos:#x}")
    if rule.fwmark is not None:
        words.append(f"fwmark {_marked(*rule.fwmark)}")
    for name, device in (("iif", rule.iif), ("oif", rule.oif)):
        if device:
            words.append(f"{name} {device}{' [detached]' if name in detached else ''}")
    if rule.uid_range is not None:
        words.append(f"uidrange {rule.uid_range[0]}-{rule.uid_range[1]}")
    if rule.ipproto:
        words.append(f"ipproto {PROTOCOL_NAMES.get(rule.ipproto, f'ipproto-{rule.ipproto}')}")
    for name, ports in (("sport", rule.sport), ("dport", rule.dport)):
        if ports is not None:
            low, high = ports
            words.append(f"{name} {low}" if low == high else f"{name} {low}-{high}")
    if rule.tun_id:
        words.append(f"tun_id {rule.tun_id}")
    if others or rule.unmodelled:
        words.append(others or f"({rule.unmodelled})")
    words += _action(rule)
    return " ".join(words)


def _action(rule: PolicyRule) -> list[str]:
    if rule.action != "lookup":
        return [f"{rule.action} {rule.target}" if rule.target else rule.action]
    words = ["lookup [l3mdev-table]" if rule.l3mdev else f"lookup {rule.target}"]
    if rule.suppress_prefixlength >= 0:
        words.append(f"suppress_prefixlength {rule.suppress_prefixlength}")
    if rule.suppress_ifgroup >= 0:
        group = rule.suppress_ifgroup
        words.append(f"suppress_ifgroup {group or 'default'}")
    return words


def _selector(prefix: Prefix | None) -> str:
    if prefix is None:
        return "all"
    return prefix_text(prefix) if prefix.length else str(prefix)


def _marked(value: int, mask: int) -> str:
    text = f"{value:#x}" if value else "0"
    return text if mask == 0xFFFFFFFF else f"{text}/{mask:#x}"


def neighbour_line(entry: Neighbour) -> str:
    """As `ip neigh`: "10.1.0.1 dev eth0 lladdr 02:42:0a:f4:02:00 PERMANENT"."""
    start = f"{format_ip(entry.family, entry.address)} dev {entry.device}"
    if entry.proxy:
        return f"{start} proxy"
    return f"{start} lladdr {entry.mac} {entry.state}" if entry.mac else f"{start} {entry.state}"


def fdb_line(entry: FdbEntry, state: str | None = None) -> str:
    """As `bridge fdb`: "02:42:0a:f4:02:00 dev flannel.1 dst 172.30.0.12 self permanent".

    `state` is the word for the entry's state, which the entry itself keeps only in part.
    """
    line = f"{entry.mac} dev {entry.device}"
    if entry.remote is not None:
        line += f" dst {format_ip(*entry.remote)}"
    if entry.vlan:
        line += f" vlan {entry.vlan}"
    if entry.port >= 0:
        line += f" port {entry.port}"
    if entry.vni >= 0:
        line += f" vni {entry.vni}"
    if entry.via:
        line += f" via {entry.via}"
    if entry.self_:
        line += " self"
    if entry.master:
        line += f" master {entry.master}"
    if state is None and entry.permanent:
        state = "permanent" if entry.local or entry.self_ else "static"
    return f"{line} {state}" if state else line


def address_line(address: Address) -> str:
    """As `ip addr add` takes it: "10.244.1.1/24 dev cni0"."""
    value = format_ip(address.family, address.value)
    return f"{value}/{address.prefix.length} dev {address.device}"


def wireguard_line(peer: WireguardPeer) -> str:
    """ "peer KEY endpoint 172.30.0.2:51820 allowed ips 10.244.2.0/24"."""
    allowed = ", ".join(map(str, peer.allowed)) or "(none)"
    end = "(none)"
    if peer.endpoint is not None:
        family, address, port = peer.endpoint
        end = with_port(format_ip(family, address), port)
    return f"peer {peer.key} endpoint {end} allowed ips {allowed}"
