"""Packets lost on devices, bridges, tunnels, and between neighbours."""

from __future__ import annotations

from msgspec.structs import replace

from skoop.diagnose.causes.base import Setting
from skoop.diagnose.causes.rules import by_rule
from skoop.diagnose.neighbours import UNHEARD
from skoop.diagnose.plain_underlay import LACKS
from skoop.findings import (
    bridge,
    conntrack,
    mtu,
    neighbour,
    netfilter,
    overlay,
    pod,
    route,
    sysctl,
    veth,
)
from skoop.findings import node as host
from skoop.model.address import Family, format_ip
from skoop.model.diagnosis import Suspicion
from skoop.model.disposition import Direction, Disposition
from skoop.model.trace import Evidence
from skoop.netstack.neightable import LIMITS
from skoop.netstack.walk.events import Withheld
from skoop.netstack.walk.vlans import VLAN, vlan_evidence

ALL_OFF = "net.ipv6.conf.all.disable_ipv6"


def link_down(setting: Setting) -> Suspicion:
    """Reason.LINK_DOWN: which device it is decides what to call it."""
    stop = setting.blocker.stop
    link = setting.stack.links.get(stop.device)
    message = f"{stop.device} is down on {setting.place}: {stop.detail}"
    fix = f"ip link set {stop.device} up"
    if link is not None and link.kind == "bridge":
        return setting.suspect(bridge.BridgeDown, message, fix=fix)
    if link is not None and (link.vxlan or link.tunnel or link.kind == "wireguard"):
        return setting.suspect(overlay.TunnelDown, message, fix=fix)
    if link is not None and setting.cluster.world.is_underlay(setting.stack, link):
        return setting.suspect(host.NodeNicDown, message, fix=fix)
    return setting.suspect(veth.LinkDown, message, fix=fix)


def tc_drop(setting: Setting) -> Suspicion:
    """Reason.TC_DROP: a qdisc or filter that lets nothing through."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}"
    kind = stop.detail.split()[1] if stop.detail.startswith("qdisc ") else "clsact"
    where = "clsact" if kind == "clsact" else "root"
    fix = f"tc qdisc del dev {stop.device} {where}"
    return setting.suspect(veth.TcDrop, message, fix=fix)


def program(setting: Setting) -> Suspicion:
    """Reason.PROGRAM: what a program does is not known, so nothing is claimed of it."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}; programs of BPF are not simulated"
    return setting.suspect(
        veth.BpfProgramUnmodelled, message, fix=f"bpftool net show dev {stop.device}"
    )


def peer_missing(setting: Setting) -> Suspicion:
    """Reason.PEER_MISSING."""
    device = setting.blocker.stop.device
    message = f"The other end of {device} on {setting.place} is gone"
    return setting.suspect(veth.VethPeerMissing, message, fix="delete the pod: the CNI rebuilds it")


def link_missing(setting: Setting) -> Suspicion:
    """Reason.LINK_MISSING."""
    message = f"On {setting.place}, {setting.blocker.stop.detail}"
    return setting.suspect(route.RouteViaDownLink, message)


def unresolved(setting: Setting) -> Suspicion:
    """Reason.NEIGHBOUR: a next hop that nobody answers for."""
    stop = setting.blocker.stop
    # A route of IPv4 may have a gateway of IPv6 (RTA_VIA).
    family = Family.V6 if stop.address >> 32 else setting.blocker.packet.family
    address = format_ip(family, stop.address)
    message = f"On {setting.place}, nobody answers for the next hop {address} on {stop.device}"
    if LACKS in stop.detail and (off := _ipv6_off(setting, family)) is not None:
        return off
    if LACKS in stop.detail:
        fix = f"ip addr show {stop.device}   # on that node; then compare kubectl get nodes -o wide"
        return setting.suspect(
            host.NodeIpChanged, f"Seen from {setting.place}, {stop.detail}", fix=fix
        )
    if stop.withheld is not None:
        return unheard(setting, stop.withheld, f"{message}: {stop.detail}")
    if "arp_ignore" in stop.detail:
        return setting.suspect(sysctl.ArpIgnoreSet, f"{message}: {stop.detail}")
    if UNHEARD in stop.detail and VLAN in stop.detail:
        return vlan_filtered(setting)
    if UNHEARD in stop.detail:
        return setting.suspect(neighbour.ArpSuppressed, f"{message}: {stop.detail}")
    link = setting.stack.links.get(stop.device)
    if link is not None and link.vxlan:
        fix = f"ip neigh show dev {stop.device}   # the VTEP of the other node belongs there"
        return setting.suspect(neighbour.NeighbourMissing, message, fix=fix)
    fix = f"ip neigh show {address} dev {stop.device}"
    entry = setting.stack.neighbours.get((stop.device, family, stop.address))
    if entry is not None and entry.state == "INCOMPLETE":
        message = (
            f"On {setting.place}, the next hop {address} on {stop.device} was being asked for and "
            "had not answered"
        )
        return setting.suspect(neighbour.NeighbourIncomplete, message, fix=fix, why=stop.detail)
    return setting.suspect(neighbour.NeighbourFailed, message, fix=fix, why=stop.detail)


def _ipv6_off(setting: Setting, family: Family) -> Suspicion | None:
    """A node has lost its address because IPv6 is switched off there."""
    stop, world = setting.blocker.stop, setting.cluster.world
    node = setting.cluster.inventory.node_with_ip((family, stop.address))
    there = world.hosts.get(node.name) if node and family is Family.V6 else None
    if there is None or there.sysctls.number(ALL_OFF, 0) == 0:
        return None
    line = Evidence(f"sysctl on {there.id}", there.sysctls.evidence(ALL_OFF))
    its = Setting(setting.cluster, replace(setting.blocker, node=there.id))
    message = f"IPv6 is switched off on {its.place}: {stop.detail}"
    fix = f"sysctl -w {ALL_OFF}=0, then configure its addresses anew"
    return its.suspect(sysctl.DisableIpv6Set, message, evidence=(line,), fix=fix)


def unheard(setting: Setting, withheld: Withheld, why: str) -> Suspicion:
    """A question for a MAC, or its answer, that a rule stops."""
    blocker = replace(
        setting.blocker, node=withheld.node, stop=withheld.stop, packet=withheld.packet
    )
    return replace(by_rule(Setting(setting.cluster, blocker)), why=why)


def table_full(setting: Setting) -> Suspicion:
    """Reason.TABLE_FULL: a next hop that is not in the neighbour table finds no room there."""
    stop, family = setting.blocker.stop, setting.blocker.packet.family
    use = setting.cluster.world.neighbour_table(setting.stack, family)
    address = format_ip(family, stop.address)
    message = (
        f"The next hop {address} of {setting.place} finds no room in the neighbour table, which "
        f"has {use.entries} entries"
    )
    host = setting.cluster.world.hosts[setting.cluster.world.machine_of[setting.stack.id]]
    limits = Evidence(f"sysctl on {host.id}", host.sysctls.evidence(*LIMITS[family]))
    fix = f"sysctl -w {LIMITS[family][1]}={4 * use.hard}"
    return setting.suspect(neighbour.NeighbourTableFull, message, evidence=(limits,), fix=fix)


def contested(setting: Setting) -> Suspicion:
    """Reason.CONTESTED: two stations have the next hop's address."""
    stop = setting.blocker.stop
    family = setting.blocker.packet.family
    address = format_ip(family, stop.address)
    message = f"Seen from {setting.place}, {stop.detail}: the first answer gets the traffic"
    if len(setting.cluster.inventory.pods_with_ip((family, stop.address))) > 1:
        fix = f"kubectl get pods -A -o wide | grep -w {address}   # then delete one of them"
        return setting.suspect(pod.PodDuplicateIp, message, fix=fix)
    fix = f"ip -br addr show to {address}   # on each of them; then: ip addr del ..."
    return setting.suspect(neighbour.AddressConflict, message, fix=fix)


def wrong_mac(setting: Setting) -> Suspicion:
    """Reason.WRONG_MAC: frames for a station that is not there."""
    stop = setting.blocker.stop
    unsure = stop.disposition is Disposition.INSUFFICIENT_INFO
    said = "may not reach their station from" if unsure else "do not reach their station on"
    message = f"Frames {said} {setting.place}: {stop.detail}"
    return setting.suspect(
        neighbour.NeighbourWrongMac, message, fix="ip neigh show nud permanent   # on the sender"
    )


def fdb_missing(setting: Setting) -> Suspicion:
    """Reason.FDB_MISSING."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}"
    fix = f"bridge fdb append MAC dev {stop.device} dst NODE-IP self permanent"
    return setting.suspect(overlay.FdbMissing, message, fix=fix)


def wireguard_peer(setting: Setting) -> Suspicion:
    """Reason.WIREGUARD_PEER: nobody may have what a device sends, or nobody it comes from."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}"
    fix = f"wg set {stop.device} peer KEY allowed-ips NETWORKS   # all that the peer is to have"
    return setting.suspect(overlay.WireguardPeerMissing, message, fix=fix)


def wireguard_endpoint(setting: Setting) -> Suspicion:
    """Reason.WIREGUARD_ENDPOINT: the peer has told its address neither by configuration nor by
    having called."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}"
    fix = f"wg set {stop.device} peer KEY endpoint NODE-IP:PORT"
    return setting.suspect(overlay.WireguardEndpointWrong, message, fix=fix)


def wireguard_keys(setting: Setting) -> Suspicion:
    """Reason.WIREGUARD_KEYS: no handshake is ever completed."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}"
    fix = f"wg show {stop.device} public-key   # what the other end must have as its peer"
    return setting.suspect(overlay.WireguardKeyMismatch, message, fix=fix)


def flood_off(setting: Setting) -> Suspicion:
    """Reason.FLOOD_OFF: the bridge must guess where a station is, and may not try its port."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}"
    fix = f"bridge link set dev {stop.device} learning on flood on"
    return setting.suspect(bridge.BridgeFloodOff, message, fix=fix)


def port_state(setting: Setting) -> Suspicion:
    """Reason.PORT_STATE."""
    stop = setting.blocker.stop
    message = f"On {setting.place}, {stop.detail}, so nothing passes it"
    fix = f"bridge link set dev {stop.device} state 3"
    return setting.suspect(bridge.StpBlocking, message, fix=fix)


def vlan_filtered(setting: Setting) -> Suspicion:
    """Reason.VLAN, and a question for a MAC that a VLAN keeps from its station."""
    world = setting.cluster.world
    host = world.hosts[world.machine_of[setting.stack.id]]
    clause = setting.blocker.stop.detail.rpartition(f"{UNHEARD}: ")[2].rstrip(")")
    named = {word.strip(",;()") for word in clause.split()}
    ports = [each for each in host.namespace.links if each.name in named]
    evidence = () if setting.blocker.stop.evidence else vlan_evidence(host, *ports)
    message = f"On node {host.id.partition('/')[2]}, {clause}"
    fix = "bridge vlan show; bridge vlan add dev PORT vid VID pvid untagged"
    return setting.suspect(bridge.VlanFiltered, message, evidence=evidence, fix=fix)


def hairpin(setting: Setting) -> Suspicion:
    """Reason.HAIRPIN: a pod reaches itself through its Service."""
    device = setting.blocker.stop.device
    message = (
        f"A pod on {setting.place} cannot reach itself through its Service: hairpin is off on "
        f"its bridge port {device}"
    )
    fix = f"ip link set {device} type bridge_slave hairpin on"
    return setting.suspect(bridge.HairpinOff, message, fix=fix)


def isolated(setting: Setting) -> Suspicion:
    """Reason.ISOLATED."""
    device = setting.blocker.stop.device
    message = f"On {setting.place}, {setting.blocker.stop.detail}"
    fix = f"bridge link set dev {device} isolated off"
    return setting.suspect(bridge.BridgePortIsolated, message, fix=fix)


def too_big(setting: Setting) -> Suspicion:
    """Reason.MTU: the sender should have been told, so either the error was lost or DF was set."""
    stop, packet = setting.blocker.stop, setting.blocker.packet
    message = f"{packet.size} bytes do not fit through {stop.device} on {setting.place} (MTU "
    message += f"{stop.limit})"
    fix = f"lower the MTU of the pods to {stop.limit}, in the CNI's configuration"
    return setting.suspect(mtu.MtuPodExceedsPath, message, fix=fix)


def peer_mtu(setting: Setting) -> Suspicion:
    """Reason.PEER_MTU: two ends of one cable disagree."""
    stop = setting.blocker.stop
    message = f"Two ends of one link disagree about the MTU: {stop.detail}"
    fix = f"ip link set {stop.device} mtu {stop.limit}   # or raise the other end"
    return setting.suspect(mtu.MtuNodeMismatch, message, fix=fix)


def tunnel_unknown(setting: Setting) -> Suspicion:
    """Reason.TUNNEL_UNKNOWN: a tunnel packet that no device takes."""
    message = f"{setting.place} receives tunnel packets and drops them: "
    return setting.suspect(overlay.VniMismatch, message + setting.blocker.stop.detail)


def conntrack_full(setting: Setting) -> Suspicion:
    """Reason.CONNTRACK_FULL."""
    table = setting.stack.namespace.conntrack
    message = f"The connection table of {setting.place} is full, so new connections are dropped"
    if table.yielding:
        message += " for which none that is not ASSURED makes room"
    fix = f"sysctl -w net.netfilter.nf_conntrack_max={4 * table.limit}"
    return setting.suspect(conntrack.ConntrackTableFull, message, fix=fix)


def nat_failed(setting: Setting) -> Suspicion:
    """Reason.NAT_FAILED: MASQUERADE or REDIRECT without an address to use."""
    message = f"On {setting.place}, {setting.blocker.stop.detail}"
    return setting.suspect(netfilter.MasqueradeMissing, message)


def no_port(setting: Setting) -> Suspicion:
    """Reason.NO_PORT: every port of the translated address leads to this destination already."""
    blocker = setting.blocker
    packet = blocker.packet
    taken = [
        entry.raw
        for entry in setting.stack.namespace.conntrack.entries
        if (entry.reply.proto, entry.reply.src, entry.reply.sport)
        == (packet.proto, packet.dst, packet.dport)
    ]
    shown = tuple(Evidence(f"conntrack on {blocker.node}", raw) for raw in taken[:2])
    message = f"On {setting.place}, {blocker.stop.detail} ({len(taken)} connections)"
    fix = f"conntrack -L --reply-src {packet.destination} | wc -l   # then: who opens so many?"
    return setting.suspect(conntrack.SnatPortsExhausted, message, fix=fix, evidence=shown)


def disabled_ipv6(setting: Setting) -> Suspicion:
    """Reason.DISABLED_IPV6."""
    device = setting.blocker.stop.device
    message = f"IPv6 is disabled on {device} of {setting.place}"
    fix = f"sysctl -w net.ipv6.conf.{device.replace('.', '/')}.disable_ipv6=0"
    return setting.suspect(sysctl.DisableIpv6Set, message, fix=fix)


def astray(setting: Setting) -> Suspicion:
    """An answer that came back from an address the client does not expect."""
    blocker = setting.blocker
    message = f"The answer comes back from {blocker.packet.source}, which the client did not ask"
    direction = blocker.direction is Direction.RETURN
    udp = blocker.packet.proto == 17 and blocker.packet.family in Family
    if direction and udp:
        return setting.suspect(route.WrongSourceSelection, message)
    return setting.suspect(netfilter.MasqueradeMissing, message)
