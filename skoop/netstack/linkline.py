"""A link as one line in the words of `ip -d -o link`: only what decides over packets.

Order of words: print_linkinfo (ip/ipaddress.c), the devices' own ip/iplink_*.c.
"""

from __future__ import annotations

from collections.abc import Sequence

from skoop.model.address import Family, format_ip
from skoop.netstack.state import FREE, Action, BridgePort, BridgeSettings, IpTunnel, Link, Vxlan

_PORT_AS_MADE = BridgePort()
_PORT_SETTINGS = (
    "hairpin",
    "learning",
    "flood",
    "proxy_arp",
    "mcast_flood",
    "bcast_flood",
    "neigh_suppress",
    "isolated",
    "locked",
)


def link_line(link: Link, *, flags: Sequence[str] = (), peer: str = "") -> str:
    """ "3: flannel.1: <BROADCAST,UP,LOWER_UP> mtu 1450 state UNKNOWN link/ether 02:42:..." and the
    device's own settings.

    `flags` are all IFF_* words (default: those the link keeps); `peer` is the name of the other
    end or the device below (default: its number).
    """
    other = peer or (f"if{link.peer_index}" if link.peer_index else "")
    name = f"{link.name}@{other}" if other else link.name
    index = f"{link.index}: " if link.index else ""
    line = f"{index}{name}: <{','.join(flags or _flags(link))}> mtu {link.mtu}"
    if link.tc.ingress.action is Action.PROGRAM:
        line += " xdp"
    elif link.tc.egress is not FREE:
        line += f" {link.tc.egress.text}"
    if link.master:
        line += f" master {link.master}"
    line += f" state {link.operstate}"
    if link.mac:
        line += f" link/{'loopback' if link.kind == 'loopback' else 'ether'} {link.mac}"
    if link.peer_nsid >= 0:
        line += f" link-netnsid {link.peer_nsid}"
    if link.kind not in ("", "loopback"):
        line += f" {link.kind}{_settings(link)}"
    return line + port_words(link.port) if link.port is not None else line


def _flags(link: Link) -> list[str]:
    """In the order of print_link_flags()."""
    told = {
        "NO-CARRIER": link.up and not link.carrier,
        "LOOPBACK": link.kind == "loopback",
        "POINTOPOINT": link.point_to_point,
        "NOARP": not link.arp,
        "UP": link.up,
        "LOWER_UP": link.carrier,
    }
    return [flag for flag, is_set in told.items() if is_set]


def _settings(link: Link) -> str:
    if link.vxlan is not None:
        return _vxlan(link.vxlan)
    if link.tunnel is not None:
        return _tunnel(link.tunnel)
    return _bridge(link.bridge) if link.bridge is not None else ""


def _vxlan(device: Vxlan) -> str:
    line = "" if device.external else f" id {device.vni}"
    if device.remote is not None:
        line += f" remote {format_ip(*device.remote)}"
    if device.local is not None:
        line += f" local {format_ip(*device.local)}"
    if device.underlay:
        line += f" dev {device.underlay}"
    line += f" dstport {device.port}"
    if device.external:
        line += " external"
    if not device.learning:
        line += " nolearning"
    for name in ("proxy", "l2miss", "l3miss"):
        if getattr(device, name):
            line += f" {name}"
    if device.ttl:
        line += f" ttl {device.ttl}"
    if device.df != "unset":
        line += f" df {device.df}"
    return line if device.checksums else f"{line} noudpcsum"


def _tunnel(device: IpTunnel) -> str:
    if device.external:
        return " external"
    line = f" remote {_end(device.family, device.remote)} local {_end(device.family, device.local)}"
    if device.underlay:
        line += f" dev {device.underlay}"
    if device.ttl:
        line += f" ttl {device.ttl}"
    return line if device.pmtudisc else f"{line} nopmtudisc"


def _end(family: Family, address: int) -> str:
    return format_ip(family, address) if address else "any"


def _bridge(settings: BridgeSettings) -> str:
    told = {
        "stp_state": settings.stp,
        "vlan_filtering": settings.vlan_filtering,
        "group_fwd_mask": settings.group_fwd_mask,
        "nf_call_iptables": settings.nf_call_iptables,
        "nf_call_ip6tables": settings.nf_call_ip6tables,
    }
    return "".join(
        f" {name} {value:#x}" if name == "group_fwd_mask" else f" {name} {int(value)}"
        for name, value in told.items()
        if value
    )


def port_words(port: BridgePort) -> str:
    """ " bridge_slave state forwarding hairpin on": a port's state, and its settings other than
    those a port is made with."""
    line = f" bridge_slave state {port.state}"
    if port == _PORT_AS_MADE:
        return line
    for name in _PORT_SETTINGS:
        value = getattr(port, name)
        if value != getattr(_PORT_AS_MADE, name):
            line += f" {name} {'on' if value else 'off'}"
    return line
