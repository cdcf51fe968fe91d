"""Expressions of the text form, read into the JSON form."""

from __future__ import annotations

import re
from collections.abc import Callable

from skoop.netstack.nft.text.cursor import Cursor
from skoop.netstack.nft.values import Json

PROTOCOLS = frozenset(
    [
        "ip",
        "ip6",
        "tcp",
        "udp",
        "th",
        "sctp",
        "icmp",
        "icmpv6",
        "ether",
        "vlan",
        "arp",
        "udplite",
        "dccp",
        "esp",
        "ah",
        "comp",
        "igmp",
        "gre",
    ]
)
BARE_META = frozenset(["iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup"])
_HEADERS = frozenset(["frag", "hbh", "dst", "mh"])
_STARTS = PROTOCOLS | BARE_META | _HEADERS
_OTHER_STARTS = frozenset(
    ["meta", "ct", "fib", "socket", "rt", "numgen", "jhash", "symhash", "exthdr", "osf"]
)
_OPERATORS = ("&", "|", "^", "<<", ">>")
_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,32}\Z|[0-9]{1,39}\Z")
_DIGITS = re.compile(r"\d{1,3}\Z", re.ASCII)
_ADDRESS = re.compile(r"(?:\d+\.){3}\d+\Z|[0-9a-fA-F]*:[0-9a-fA-F:.]*\Z")
Data = Callable[[Cursor], Json]
"""Reads the right-hand side of a map's element."""
_WORDS = {"exists": True, "missing": False}


def starts_expression(cursor: Cursor) -> bool:
    """Whether a header field, meta key and so on comes next."""
    token = cursor.now
    if token.kind == "raw":
        return True
    return token.kind == "word" and (token.text in _STARTS or token.text in _OTHER_STARTS)


def constant(cursor: Cursor) -> Json:
    """A number, name, address, prefix, range, or `a | b`."""
    first = _atom(cursor)
    parts = [first]
    while cursor.accept("|"):
        parts.append(_atom(cursor))
    return first if len(parts) == 1 else {"|": parts}


def _atom(cursor: Cursor) -> Json:
    token = cursor.now
    text = cursor.word()
    if token.kind == "string":
        if cursor.now.kind == "word" and cursor.now.text == "-":
            raise cursor.error("a range of names")
        return text
    return _WORDS[text] if text in _WORDS else word_value(text)


def word_value(text: str) -> Json:
    """The JSON form of one bare word."""
    if _NUMBER.match(text):
        return int(text, 0) if text.startswith("0x") else int(text)
    address, slash, length = text.partition("/")
    if slash and _DIGITS.match(length) and _is_value(address):
        return {"prefix": {"addr": word_value(address), "len": int(length)}}
    low, dash, high = text.partition("-")
    if dash and _is_value(low) and _is_value(high):
        return {"range": [word_value(low), word_value(high)]}
    return text


def _is_value(text: str) -> bool:
    return bool(_NUMBER.match(text) or _ADDRESS.match(text))


def dotted_constant(cursor: Cursor) -> Json:
    """`a . b . c`."""
    parts = [constant(cursor)]
    while cursor.accept("."):
        parts.append(constant(cursor))
    return parts[0] if len(parts) == 1 else {"concat": parts}


def expression(cursor: Cursor) -> Json:
    """An expression with its operators, concatenated ones too."""
    parts = [_operated(cursor)]
    while cursor.accept("."):
        parts.append(_operated(cursor))
    return parts[0] if len(parts) == 1 else {"concat": parts}


def value(cursor: Cursor) -> Json:
    """What is assigned: an expression, a map lookup or a constant."""
    if not starts_expression(cursor):
        return constant(cursor)
    return with_map(cursor, expression(cursor))


def with_map(cursor: Cursor, key: Json) -> Json:
    """`KEY map ...` if a map follows, else the key."""
    if not cursor.accept("map"):
        return key
    return {"map": {"key": key, "data": set_or_name(cursor, constant_data)}}


def constant_data(cursor: Cursor) -> Json:
    """The right-hand side of a map's element."""
    return dotted_constant(cursor)


def _operated(cursor: Cursor) -> Json:
    left = _primary(cursor)
    while operator := cursor.accept(*_OPERATORS):
        right = _primary(cursor) if starts_expression(cursor) else _mask(cursor)
        left = {operator: [left, right]}
    return left


def _mask(cursor: Cursor) -> Json:
    if not cursor.accept("("):
        return _atom(cursor)
    inner = constant(cursor)
    cursor.expect(")")
    return inner


def _primary(cursor: Cursor) -> Json:
    token = cursor.take()
    text = token.text
    if token.kind == "raw":
        base, offset, length = text[1:].split(",")
        return {"payload": {"base": base, "offset": int(offset), "len": int(length)}}
    reader = _READERS.get(text)
    if reader is not None:
        return reader(cursor)
    if text in BARE_META:
        return {"meta": {"key": text}}
    if text in _HEADERS:
        return {"exthdr": {"name": text, "field": cursor.word()}}
    if text in ("tcp", "ip") and cursor.accept("option"):
        return _option(cursor, f"{text} option")
    if text in PROTOCOLS:
        return {"payload": {"protocol": text, "field": cursor.word()}}
    cursor.place -= 1
    raise cursor.error("an expression belongs here")


def _option(cursor: Cursor, kind: str) -> Json:
    name = cursor.word()
    if cursor.now.text in ("exists", "missing"):
        return {kind: {"name": name}}
    return {kind: {"name": name, "field": cursor.word()}}


def _ct(cursor: Cursor) -> Json:
    direction = cursor.accept("original", "reply")
    key = cursor.word()
    if key in ("ip", "ip6"):
        key = f"{key} {cursor.word()}"
    return {"ct": {"key": key, "dir": direction} if direction else {"key": key}}


def _fib(cursor: Cursor) -> Json:
    flags = [cursor.word()]
    while cursor.accept("."):
        flags.append(cursor.word())
    return {"fib": {"flags": flags, "result": cursor.word()}}


def _number(cursor: Cursor) -> int:
    text = cursor.word()
    if not _NUMBER.match(text):
        raise cursor.error("a number belongs here")
    return int(text, 0) if text.startswith("0x") else int(text)


def _modulus(cursor: Cursor) -> dict[str, Json]:
    cursor.expect("mod")
    found: dict[str, Json] = {"mod": _number(cursor), "offset": 0}
    while word := cursor.accept("seed", "offset"):
        found[word] = _number(cursor)
    return found


def _numgen(cursor: Cursor) -> Json:
    mode = cursor.word()
    return {"numgen": {"mode": mode, **_modulus(cursor)}}


def _jhash(cursor: Cursor) -> Json:
    fields = expression(cursor)
    return {"jhash": {"expr": fields, **_modulus(cursor)}}


def _rt(cursor: Cursor) -> Json:
    family = cursor.accept("ip", "ip6")
    key = cursor.word()
    return {"rt": {"key": key, "family": family} if family else {"key": key}}


_READERS: dict[str, Callable[[Cursor], Json]] = {
    "meta": lambda cursor: {"meta": {"key": cursor.word()}},
    "socket": lambda cursor: {"socket": {"key": cursor.word()}},
    "osf": lambda cursor: {"osf": {"key": cursor.word()}},
    "exthdr": lambda cursor: {"exthdr": {"name": cursor.word()}},
    "ct": _ct,
    "fib": _fib,
    "rt": _rt,
    "numgen": _numgen,
    "jhash": _jhash,
    "symhash": lambda cursor: {"symhash": _modulus(cursor)},
}


def set_or_name(cursor: Cursor, data: Data | None) -> Json:
    """`@name`, or `{ ... }` with elements; `data` reads what follows a colon, None in a set."""
    if cursor.now.kind == "word" and cursor.now.text.startswith("@"):
        return cursor.take().text
    return {"set": elements(cursor, data)}


def elements(cursor: Cursor, data: Data | None) -> list[Json]:
    """`{ a, b : c, ... }`."""
    cursor.expect("{")
    found: list[Json] = []
    cursor.skip_lines()
    while not cursor.accept("}"):
        key = dotted_constant(cursor)
        if extras := _extras(cursor):
            key = {"elem": {"val": key, **extras}}
        if cursor.accept(":"):
            if data is None:
                raise cursor.error("a map's element in a set")
            found.append([key, data(cursor)])
        else:
            found.append(key)
        cursor.skip_lines()
        if cursor.accept(","):
            cursor.skip_lines()
        elif cursor.now.text != "}":
            raise cursor.error("a comma belongs here")
    return found


def _extras(cursor: Cursor) -> dict[str, Json]:
    """What may stand beside an element: timeout, expires, comment, counter, and statements that
    only the kernel can judge."""
    found: dict[str, Json] = {}
    while cursor.now.kind == "word" and cursor.now.text not in (":", "."):
        name = cursor.word()
        if name in ("timeout", "expires", "comment"):
            found[name] = cursor.word()
            continue
        if name not in ("counter", "limit", "quota", "last", "ct"):
            raise cursor.error("an element does not end before this")
        found[name] = None
        while cursor.now.kind in ("word", "string") and cursor.now.text not in (
            ":", "timeout", "expires", "comment",
        ):  # fmt: skip
            cursor.take()
    return found
