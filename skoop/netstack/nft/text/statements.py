"""Statements of the text form, read into the JSON form."""

from __future__ import annotations

import re
from collections.abc import Callable

from skoop.errors import ParseError
from skoop.netstack.nft.text.cursor import Cursor
from skoop.netstack.nft.text.expressions import (
    PROTOCOLS,
    constant,
    expression,
    set_or_name,
    starts_expression,
    value,
    with_map,
    word_value,
)
from skoop.netstack.nft.values import Json

_COMPARE = ("==", "!=", "<=", ">=", "<", ">", "!")
_FLAGS = ("random", "fully-random", "persistent")
_RATE = re.compile(r"(\d+)/(\w+)\Z")
_TARGET = re.compile(
    r"(?:\[(?P<six>[^\[\]]*)\](?:-\[(?P<to>[^\[\]]*)\])?|(?P<four>[^:\[\]]*))(?::(?P<port>[\d-]+))?\Z"
    r"|(?P<bare>[^\[\]]*)\Z"
)
"""[v6]:port, [v6]-[v6]:port, v4-v4:port, or a bare v6 address or range."""


def rule(cursor: Cursor) -> tuple[list[Json], str]:
    """One line: its statements and its comment. What cannot be read becomes one last statement
    `{"unread": TEXT}`."""
    found: list[Json] = []
    comment = ""
    while not cursor.at_line_end:
        place = cursor.place
        if cursor.accept("comment"):
            comment = cursor.word()
            continue
        try:
            found.append(statement(cursor))
        except ParseError:
            cursor.place = place
            found.append({"unread": cursor.rest_of_line()})
    return found, comment


def statement(cursor: Cursor) -> Json:
    """One statement; raises ParseError."""
    word = cursor.now.text
    if word == "ct" and cursor.peek() in _CT and cursor.now.kind == "word":
        cursor.take()
        return _ct_statement(cursor)
    reader = _READERS.get(word) if cursor.now.kind == "word" else None
    if reader is not None:
        cursor.take()
        return reader(cursor)
    if not starts_expression(cursor):
        raise cursor.error("a statement belongs here")
    return _with_left(cursor, expression(cursor))


def body(cursor: Cursor, kind: str) -> dict[str, Json]:
    """What a limit or quota has after its name; raises ParseError."""
    found = _READERS[kind](cursor)[kind]
    if not isinstance(found, dict):
        raise cursor.error(f"a {kind} belongs here")
    return found


def verdict(cursor: Cursor) -> Json:
    """accept, drop, return, continue, jump X, goto X."""
    word = cursor.word()
    if word in ("jump", "goto"):
        return {word: {"target": cursor.word()}}
    if word not in ("accept", "drop", "return", "continue"):
        raise cursor.error("a verdict belongs here")
    return {word: None}


def _with_left(cursor: Cursor, left: Json) -> Json:
    if cursor.accept("vmap"):
        return {"vmap": {"key": left, "data": set_or_name(cursor, verdict)}}
    if cursor.accept("set"):
        return {"mangle": {"key": left, "value": value(cursor)}}
    op = cursor.accept(*_COMPARE)
    right = _right(cursor)
    if cursor.accept("/"):
        left, op = {"&": [left, _right(cursor)]}, op or "=="
    if not op:
        op = "in" if _is_bitmask(left) and not _is_set(right) else "=="
    return {"match": {"op": op, "left": left, "right": right}}


def _right(cursor: Cursor) -> Json:
    if cursor.now.text == "{" or cursor.now.text.startswith("@"):
        return set_or_name(cursor, None)
    first = constant(cursor)
    if cursor.now.text == "." and cursor.now.kind == "word":
        parts = [first]
        while cursor.accept("."):
            parts.append(constant(cursor))
        return {"concat": parts}
    listed = [first]
    while cursor.accept(","):
        listed.append(constant(cursor))
    return first if len(listed) == 1 else listed


def _is_set(right: Json) -> bool:
    return (isinstance(right, dict) and "set" in right) or str(right).startswith("@")


def _is_bitmask(left: Json) -> bool:
    ct, payload = left.get("ct", {}), left.get("payload", {})
    return ct.get("key") in ("state", "status", "label", "event") or (
        payload.get("protocol") == "tcp" and payload.get("field") == "flags"
    )


def _plain(name: str) -> Callable[[Cursor], Json]:
    return lambda _cursor: {name: None}


def _call(name: str) -> Callable[[Cursor], Json]:
    return lambda cursor: {name: {"target": cursor.word()}}


def _counter(cursor: Cursor) -> Json:
    if cursor.accept("name"):
        return {"counter": cursor.word()}
    if cursor.accept("packets"):
        cursor.word()
        cursor.expect("bytes")
        cursor.word()
    return {"counter": None}


def _log(cursor: Cursor) -> Json:
    found: dict[str, Json] = {}
    while word := cursor.accept("prefix", "level", "group", "snaplen", "queue-threshold", "flags"):
        found[word] = cursor.word()
        while word == "flags" and (cursor.accept(",") or cursor.accept("sequence", "options")):
            cursor.accept("sequence", "options", "skuid", "ether")
    return {"log": found or None}


def _limit(cursor: Cursor) -> Json:
    if cursor.accept("name"):
        return {"limit": cursor.word()}
    cursor.expect("rate")
    over = bool(cursor.accept("over"))
    text = cursor.word()
    if "/" not in text:
        text = f"{text}/{cursor.word().rpartition('/')[2]}"
    found = _RATE.match(text)
    if found is None:
        raise cursor.error("a rate belongs here")
    if cursor.accept("burst"):
        cursor.word()
        cursor.word()
    return {"limit": {"rate": int(found[1]), "per": found[2], "inv": over}}


def _quota(cursor: Cursor) -> Json:
    if cursor.accept("name"):
        return {"quota": cursor.word()}
    found: dict[str, Json] = {"inv": cursor.accept("over", "until") == "over"}
    found["val"], found["val_unit"] = _integer(cursor), cursor.word()
    if cursor.accept("used"):
        found["used"], found["used_unit"] = _integer(cursor), cursor.word()
    return {"quota": found}


def _integer(cursor: Cursor) -> int:
    number = word_value(cursor.word())
    if not isinstance(number, int):
        raise cursor.error("a number belongs before this")
    return number


def _reject(cursor: Cursor) -> Json:
    if not cursor.accept("with"):
        return {"reject": None}
    kind = cursor.word()
    if kind == "tcp":
        cursor.expect("reset")
        return {"reject": {"type": "tcp reset"}}
    cursor.accept("type")
    return {"reject": {"type": kind, "expr": word_value(cursor.word())}}


def _nat(name: str) -> Callable[[Cursor], Json]:
    def read(cursor: Cursor) -> Json:
        found: dict[str, Json] = {}
        family = cursor.accept("ip", "ip6")
        if family:
            found["family"] = family
        flags = ["netmap"] if cursor.accept("prefix") else []
        if cursor.accept("addr"):
            cursor.expect(".")
            cursor.expect("port")
        if cursor.accept("to"):
            found |= _target(cursor)
        while flag := cursor.accept(*_FLAGS):
            flags.append(flag)
            cursor.accept(",")
        return {name: {**found, "flags": flags} if flags else found or None}

    return read


def _target(cursor: Cursor) -> dict[str, Json]:
    if starts_expression(cursor):
        return {"addr": value(cursor)}
    word = cursor.word()
    before, colon, protocol = word.rpartition(":")
    if colon and protocol in PROTOCOLS:
        key = {"payload": {"protocol": protocol, "field": cursor.word()}}
        address: dict[str, Json] = {"addr": word_value(before.strip("[]"))} if before else {}
        return {**address, "port": with_map(cursor, key)}
    if word.startswith(":") and word[1:2].isdigit():
        return {"port": word_value(word[1:])}
    found = _TARGET.match(word)
    if found is None:
        raise cursor.error("an address belongs before this")
    bare = found["six"] or found["four"] or found["bare"] or ""
    target: dict[str, Json] = {"addr": word_value(bare)}
    if found["to"]:
        target = {"addr": {"range": [bare, found["to"]]}}
    if found["port"]:
        target["port"] = word_value(found["port"])
    return target


def _dynset(op: str) -> Callable[[Cursor], Json]:
    def read(cursor: Cursor) -> Json:
        name = cursor.word()
        if not name.startswith("@"):
            raise cursor.error("a set belongs before this")
        cursor.expect("{")
        elem = expression(cursor)
        nested: list[Json] = []
        while not cursor.accept("}"):
            if cursor.accept("timeout", "expires", "comment"):
                cursor.word()
            else:
                nested.append(statement(cursor))
        what = {"op": op, "elem": elem, "set": name}
        return {"set": {**what, "stmt": nested} if nested else what}

    return read


_CT = ("helper", "timeout", "expectation", "count")


def _ct_statement(cursor: Cursor) -> Json:
    kind = cursor.word()
    if kind == "count":
        over = bool(cursor.accept("over"))
        return {"ct count": {"val": _integer(cursor), "inv": over}}
    if cursor.accept("set"):
        return {f"ct {kind}": cursor.word()}
    return _with_left(cursor, {"ct": {"key": kind}})


def _xt(cursor: Cursor) -> Json:
    kind = cursor.word()
    return {"xt": {"type": kind, "name": cursor.word()}}


def _rest(name: str) -> Callable[[Cursor], Json]:
    def read(cursor: Cursor) -> Json:
        while not cursor.at_line_end:
            cursor.take()
        return {name: None}

    return read


def _dup(cursor: Cursor) -> Json:
    cursor.expect("to")
    target = value(cursor)
    if cursor.accept("device"):
        cursor.word()
    return {"dup": target}


_READERS: dict[str, Callable[[Cursor], Json]] = {
    **{name: _plain(name) for name in ("accept", "drop", "return", "continue", "notrack")},
    **{name: _call(name) for name in ("jump", "goto")},
    **{name: _nat(name) for name in ("snat", "dnat", "masquerade", "redirect", "tproxy")},
    **{name: _dynset(name) for name in ("add", "update", "delete")},
    **{name: _rest(name) for name in ("queue", "synproxy", "flow", "fwd", "last")},
    "counter": _counter,
    "log": _log,
    "limit": _limit,
    "quota": _quota,
    "reject": _reject,
    "dup": _dup,
    "xt": _xt,
}
