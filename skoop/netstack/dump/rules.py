"""`ip -j [-6] rule` -> PolicyRule. Field names and quirks: iproute2 ip/iprule.c, print_rule.

Flags are keys with the value null ("not", "nop", "l3mdev"); hosts have no `srclen`; a port is
`sport` or `sport_start` with `sport_end`; an unnamed protocol is "ipproto-99".
"""

from __future__ import annotations

import socket

import msgspec

from skoop.model.address import Family, Prefix, parse_ip
from skoop.netstack.dump.jsontext import entries, located, with_line
from skoop.netstack.dump.routes import dsfield
from skoop.netstack.lines import PROTOCOL_NAMES, rule_line
from skoop.netstack.state import PolicyRule

_DECODER = msgspec.json.Decoder(dict[str, object])
_KNOWN = frozenset(
    [
        "priority",
        "src",
        "srclen",
        "dst",
        "dstlen",
        "not",
        "iif",
        "oif",
        "fwmark",
        "fwmask",
        "tos",
        "ipproto",
        "sport",
        "sport_start",
        "sport_end",
        "dport",
        "dport_start",
        "dport_end",
        "uid_start",
        "uid_end",
        "goto",
        "action",
        "table",
        "nop",
        "l3mdev",
        "tun_id",
        "suppress_prefixlen",
        "suppress_prefixlength",
        "suppress_ifgroup",
    ]
)
# Told, but without a say in whether the rule matches.
_SILENT = frozenset(
    [
        "protocol",
        "unresolved",
        "iif_detached",
        "oif_detached",
        "flow_from",
        "flow_to",
        "order",
        "flags",
    ]
)
_ACTIONS = frozenset(("blackhole", "unreachable", "prohibit"))
_PROTOCOLS = {
    **{name: number for number, name in PROTOCOL_NAMES.items()},
    "ipip": 4,
    "icmpv6": 58,
}


def read_rules(text: str, family: Family, source: str) -> tuple[PolicyRule, ...]:
    """The policy rules of one family, by priority as printed. Raises ParseError."""
    rules = []
    for item, own in entries(text, _DECODER, source):
        try:
            rules.append(_rule(item, family))
        except (ValueError, TypeError) as error:
            raise located(source, own, ValueError(str(error))) from error
    return tuple(rules)


def _rule(item: dict[str, object], family: Family) -> PolicyRule:
    action, target = _action(item)
    unknown = sorted(set(item) - _KNOWN - _SILENT)
    rule = PolicyRule(
        family=family,
        priority=_int(item.get("priority", 0)),
        action=action,
        target=target,
        inverted=_flag(item, "not"),
        source=_selector(item, "src", family),
        destination=_selector(item, "dst", family),
        iif=_text(item, "iif"),
        oif=_text(item, "oif"),
        fwmark=_fwmark(item),
        tos=dsfield(_text(item, "tos")) if "tos" in item else None,
        ipproto=_protocol(_text(item, "ipproto")),
        sport=_ports(item, "sport"),
        dport=_ports(item, "dport"),
        uid_range=_range(item, "uid_start", "uid_end"),
        l3mdev=_flag(item, "l3mdev"),
        tun_id=_int(item.get("tun_id", 0)),
        suppress_prefixlength=_int(
            item.get("suppress_prefixlen", item.get("suppress_prefixlength", -1))
        ),
        suppress_ifgroup=_group(item),
        unmodelled=", ".join(unknown),
    )
    return with_line(rule, _line(rule, item, unknown))


def _line(rule: PolicyRule, item: dict[str, object], unknown: list[str]) -> str:
    others = " ".join(key if item[key] is None else f"{key} {item[key]}" for key in unknown)
    detached = [name for name in ("iif", "oif") if _flag(item, f"{name}_detached")]
    line = rule_line(rule, detached=detached, others=others)
    if _flag(item, "unresolved"):
        line += " [unresolved]"
    protocol = item.get("protocol", "kernel")
    return line if protocol == "kernel" else f"{line} proto {protocol}"


def _action(item: dict[str, object]) -> tuple[str, str]:
    if "goto" in item:
        return "goto", str(_int(item["goto"]))
    if _flag(item, "nop"):
        return "nop", ""
    action = _text(item, "action")
    if action in _ACTIONS:
        return action, ""
    if action not in ("", "lookup", "to_tbl"):
        raise ValueError(f"unknown action {action!r}")
    if _flag(item, "l3mdev"):
        return "lookup", ""
    if "table" not in item:
        raise ValueError("a rule without action and table")
    return "lookup", str(item["table"])


def _selector(item: dict[str, object], key: str, family: Family) -> Prefix | None:
    text = _text(item, key) or "all"
    if text == "all":
        return None
    length = _int(item.get(f"{key}len", family.bits))
    found, value = (family, 0) if text == "0" else parse_ip(text)
    if found is not family or not 0 <= length <= family.bits:
        raise ValueError(f"not an IPv{int(family)} prefix: {text}/{length}")
    shift = family.bits - length
    return Prefix(family, value >> shift << shift, length)


def _fwmark(item: dict[str, object]) -> tuple[int, int] | None:
    if "fwmark" not in item:
        return None
    mask = _int(item.get("fwmask", 0xFFFFFFFF))
    return _int(item["fwmark"]), mask


def _ports(item: dict[str, object], key: str) -> tuple[int, int] | None:
    if key in item:
        port = _int(item[key])
        return port, port
    return _range(item, f"{key}_start", f"{key}_end")


def _range(item: dict[str, object], low: str, high: str) -> tuple[int, int] | None:
    return (_int(item[low]), _int(item[high])) if low in item and high in item else None


def _group(item: dict[str, object]) -> int:
    """An interface group by number; the only named one is "default" (0)."""
    text = str(item.get("suppress_ifgroup", -1))
    return 0 if text == "default" else _int(text)


def _protocol(name: str) -> int:
    if not name:
        return 0
    number = name.removeprefix("ipproto-")
    if number.isdecimal() and number.isascii():
        return int(number)
    if name in _PROTOCOLS:
        return _PROTOCOLS[name]
    try:
        return socket.getprotobyname(name)
    except (OSError, UnicodeError, ValueError) as error:
        raise ValueError(f"unknown protocol {name!r}") from error


def _flag(item: dict[str, object], key: str) -> bool:
    return key in item and item[key] is not False


def _text(item: dict[str, object], key: str) -> str:
    value = item.get(key, "")
    if not isinstance(value, str | int):
        raise ValueError(f"{key} is not text")
    return str(value)


def _int(value: object) -> int:
    if isinstance(value, int):
        return value
    if isinstance(value, str):
        return int(value, 0)
    raise ValueError(f"not a number: {value!r}")
