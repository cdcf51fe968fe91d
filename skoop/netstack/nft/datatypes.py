"""nft's data types: how the constants of a listing become integers or names.

Symbols are those of nft's own tables (`nft describe TYPE`); listings made with -n have numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from skoop.model.address import Family, parse_ip
from skoop.netstack.nft.values import Glob, Json, Pattern, Range, UnmodelledError


class DataType(Struct, frozen=True, eq=False):
    """One type; `parts` is not empty for a concatenation."""

    name: str
    atom: Callable[[str], Pattern] = lambda text: number(text)
    symbols: Mapping[str, int] = {}
    width: int = 32
    parts: tuple[DataType, ...] = ()

    def pattern(self, constant: Json) -> Pattern:
        """Read one constant of a listing; raises UnmodelledError."""
        if isinstance(constant, bool | int):
            return int(constant)
        if isinstance(constant, str):
            found = self.symbols.get(constant)
            return self.atom(constant) if found is None else found
        if isinstance(constant, list):
            return self._union(constant)
        if isinstance(constant, dict) and len(constant) == 1:
            ((kind, value),) = constant.items()
            return self._compound(kind, value)
        raise UnmodelledError(f"constant {str(constant)[:60]}")

    def integer(self, constant: Json) -> int:
        """Read a constant that must be one number; raises UnmodelledError."""
        value = self.pattern(constant)
        if not isinstance(value, int):
            raise UnmodelledError(f"constant {str(constant)[:60]} where one number belongs")
        return value

    def _union(self, constants: list[Json]) -> int:
        value = 0
        for constant in constants:
            value |= self.integer(constant)
        return value

    def _compound(self, kind: str, value: Json) -> Pattern:
        if kind == "concat" and len(self.parts) == len(value):
            return tuple(t.pattern(v) for t, v in zip(self.parts, value, strict=True))
        if kind == "range":
            low, high = value
            return Range(self.integer(low), self.integer(high))
        if kind == "prefix":
            host = self.width - int(value["len"])
            if not 0 <= host <= self.width:
                raise UnmodelledError(f"prefix length {value['len']}")
            low = self.integer(value["addr"]) >> host << host
            return Range(low, low | ((1 << host) - 1))
        if kind == "|":
            return self._union(value)
        if kind == "elem":
            return self.pattern(value["val"])
        raise UnmodelledError(f"constant of kind {kind[:40]!r}")


def number(text: str) -> int:
    """ "80", "0x4000"; raises UnmodelledError."""
    try:
        return int(text, 16 if text[:2] in ("0x", "0X") else 10)
    except ValueError:
        raise UnmodelledError(f"symbol {text[:60]!r}") from None


def _address(family: Family) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            got, value = parse_ip(text)
        except ValueError:
            raise UnmodelledError(f"address {text[:60]!r}") from None
        if got is not family:
            raise UnmodelledError(f"address {text[:60]!r} of the other family")
        return value

    return read


def _any_address(text: str) -> int:
    try:
        return parse_ip(text)[1]
    except ValueError:
        return number(text)


def _name(text: str) -> Pattern:
    if text.endswith("\\*"):
        return text[:-2] + "*"
    return Glob(text[:-1]) if text.endswith("*") else text


def _bits(names: str, first: int = 1) -> dict[str, int]:
    return {name: first << place for place, name in enumerate(names.split())}


def concatenation(parts: tuple[DataType, ...]) -> DataType:
    """The type of `a . b . c`."""
    return DataType(" . ".join(part.name for part in parts), parts=parts)


_PROTOCOLS = {
    "ip": 0, "hopopt": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "ipip": 4, "tcp": 6, "udp": 17,
    "dccp": 33, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51, "icmpv6": 58, "ipv6-icmp": 58,
    "ospf": 89, "pim": 103, "comp": 108, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "sctp": 132,
    "udplite": 136,
}  # fmt: skip
_ICMP_TYPES = {
    "echo-reply": 0, "destination-unreachable": 3, "source-quench": 4, "redirect": 5,
    "echo-request": 8, "router-advertisement": 9, "router-solicitation": 10, "time-exceeded": 11,
    "parameter-problem": 12, "timestamp-request": 13, "timestamp-reply": 14, "info-request": 15,
    "info-reply": 16, "address-mask-request": 17, "address-mask-reply": 18,
}  # fmt: skip
_ICMPV6_TYPES = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4,
    "echo-request": 128, "echo-reply": 129, "mld-listener-query": 130, "mld-listener-report": 131,
    "mld-listener-done": 132, "mld-listener-reduction": 132, "nd-router-solicit": 133,
    "nd-router-advert": 134, "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136,
    "nd-redirect": 137, "router-renumbering": 138, "ind-neighbor-solicit": 141,
    "ind-neighbor-advert": 142, "mld2-listener-report": 143,
}  # fmt: skip
_DSCP = {f"cs{n}": 8 * n for n in range(8)} | {
    "be": 0, "df": 0, "lephb": 1, "va": 44, "ef": 46,
    "af11": 10, "af12": 12, "af13": 14, "af21": 18, "af22": 20, "af23": 22,
    "af31": 26, "af32": 28, "af33": 30, "af41": 34, "af42": 36, "af43": 38,
}  # fmt: skip
_FIB_TYPES = (
    "unspec unicast local broadcast anycast multicast blackhole unreachable prohibit throw nat"
)

INTEGER = DataType("integer")
BOOLEAN = DataType("boolean", symbols={"exists": 1, "missing": 0, "true": 1, "false": 0})
MARK = DataType("mark")
SERVICE = DataType("inet_service", width=16)
PROTOCOL = DataType("inet_proto", symbols=_PROTOCOLS, width=8)
IPV4 = DataType("ipv4_addr", _address(Family.V4))
IPV6 = DataType("ipv6_addr", _address(Family.V6), width=128)
IFNAME = DataType("ifname", _name)
NAME = DataType("string", lambda text: text)
ETHER_TYPE = DataType(
    "ether_type",
    symbols={"ip": 0x800, "arp": 0x806, "vlan": 0x8100, "8021q": 0x8100, "8021ad": 0x88A8,
             "ip6": 0x86DD},
    width=16,
)  # fmt: skip
NFPROTO = DataType("nf_proto", symbols={"ipv4": 2, "ipv6": 10}, width=8)
PKTTYPE = DataType(
    "pkt_type", symbols={"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3}
)
IFTYPE = DataType("iface_type", symbols={"ether": 1, "ppp": 512, "ipip": 768, "loopback": 772})
ICMP_TYPE = DataType("icmp_type", symbols=_ICMP_TYPES, width=8)
ICMPV6_TYPE = DataType("icmpv6_type", symbols=_ICMPV6_TYPES, width=8)
ICMP_CODE = DataType(
    "icmp_code",
    symbols={"net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2,
             "port-unreachable": 3, "frag-needed": 4, "net-prohibited": 9, "host-prohibited": 10,
             "admin-prohibited": 13},
    width=8,
)  # fmt: skip
ICMPV6_CODE = DataType(
    "icmpv6_code",
    symbols={"no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4,
             "policy-fail": 5, "reject-route": 6},
    width=8,
)  # fmt: skip
ICMPX_CODE = DataType(
    "icmpx_code",
    symbols={"no-route": 0, "port-unreachable": 1, "host-unreachable": 2, "admin-prohibited": 3},
    width=8,
)
TCP_FLAG = DataType("tcp_flag", symbols=_bits("fin syn rst psh ack urg ecn cwr"), width=8)
DSCP = DataType("dscp", symbols=_DSCP, width=6)
ECN = DataType("ecn", symbols={"not-ect": 0, "ect1": 1, "ect0": 2, "ce": 3}, width=2)
FIB_TYPE = DataType("fib_addrtype", symbols={n: i for i, n in enumerate(_FIB_TYPES.split())})
CT_STATE = DataType(
    "ct_state",
    symbols={"invalid": 1, "established": 2, "related": 4, "new": 8, "untracked": 64},
)
CT_STATUS = DataType(
    "ct_status",
    symbols=_bits("expected seen-reply assured confirmed snat dnat") | {"dying": 0x200},
)
CT_DIR = DataType("ct_dir", symbols={"original": 0, "reply": 1}, width=8)
NAT_ADDRESS = DataType("address", _any_address)


class _Opaque(DataType, frozen=True, eq=False):
    """A type whose values skoop never knows: a constant only has to be kept."""

    def pattern(self, constant: Json) -> Pattern:
        return str(constant)


OPAQUE = _Opaque("opaque")
