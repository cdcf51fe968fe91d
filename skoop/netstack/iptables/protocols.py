"""IP protocols by the names iptables prints (/etc/protocols and xshared.c's short list)."""

from __future__ import annotations

_NUMBERS = {
    "all": 0,
    "ip": 0,
    "hopopt": 0,
    "icmp": 1,
    "igmp": 2,
    "ipencap": 4,
    "ipip": 4,
    "tcp": 6,
    "egp": 8,
    "igp": 9,
    "udp": 17,
    "dccp": 33,
    "ipv6": 41,
    "ipv6-route": 43,
    "ipv6-frag": 44,
    "rsvp": 46,
    "gre": 47,
    "esp": 50,
    "ipv6-crypt": 50,
    "ah": 51,
    "ipv6-auth": 51,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "ipv6-nonxt": 59,
    "ipv6-opts": 60,
    "eigrp": 88,
    "ospf": 89,
    "pim": 103,
    "ipcomp": 108,
    "vrrp": 112,
    "l2tp": 115,
    "sctp": 132,
    "ipv6-mh": 135,
    "mobility-header": 135,
    "mh": 135,
    "udplite": 136,
    "mptcp": 262,
}

IMPLICIT_MATCHES = {
    1: "icmp",
    6: "tcp",
    17: "udp",
    33: "dccp",
    50: "esp",
    51: "ah",
    58: "icmp6",
    132: "sctp",
    135: "mh",
    136: "udplite",
}
"""The match that `-p` loads when one of its options is used without `-m`."""


def protocol_number(text: str) -> int:
    """6 for "tcp" or "6"; 0 means any. Raises ValueError."""
    if text.isascii() and text.isdigit() and int(text) < 256:
        return int(text)
    number = _NUMBERS.get(text.lower())
    if number is None:
        raise ValueError(f"protocol {text[:30]!r} is not known")
    return number
