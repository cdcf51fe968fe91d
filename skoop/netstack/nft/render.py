"""Rules in nft's own syntax, from a listing's JSON: the evidence that a person can search for.

What is not known here is shown as JSON, so that nothing is hidden.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from skoop.netstack.nft.values import Json

_HEX = {"mark"}
_QUOTED = {"iif", "oif", "iifname", "oifname", "ibrname", "obrname", "helper"}


def render_rule(statements: Json, comment: str = "") -> str:
    """One line, as `nft list ruleset` would print it, without packet counts."""
    parts = [_statement(one) for one in statements] if isinstance(statements, list) else []
    if comment:
        parts.append(f'comment "{comment}"')
    return " ".join(part for part in parts if part)


def _raw(json: Json) -> str:
    return msgspec.json.encode(json).decode()


def _statement(json: Json) -> str:
    try:
        ((kind, what),) = json.items()
        renderer = _STATEMENTS.get(kind)
        return renderer(what) if renderer else f"{kind} {_raw(what)}"
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
        return _raw(json)


def _expression(json: Json, *, base: str = "") -> str:
    if isinstance(json, bool):
        return "exists" if json else "missing"
    if isinstance(json, int):
        return f"{json:#010x}" if base in _HEX else str(json)
    if isinstance(json, str):
        quoted = base in _QUOTED and not json.startswith("@")
        return f'"{json}"' if quoted else json
    if isinstance(json, list):
        return ",".join(_expression(one, base=base) for one in json)
    ((kind, what),) = json.items()
    renderer = _EXPRESSIONS.get(kind)
    if renderer is None:
        return _raw(json)
    return renderer(what, base)


def _payload(what: Json, _base: str) -> str:
    if "base" in what:
        return f"@{what['base']},{what['offset']},{what['len']}"
    return f"{what['protocol']} {what['field']}"


def _meta(what: Json, _base: str) -> str:
    key = what["key"]
    bare = key in ("iif", "oif", "iifname", "oifname", "iifgroup", "oifgroup")
    return str(key) if bare else f"meta {key}"


def _ct(what: Json, _base: str) -> str:
    return " ".join(["ct", *([what["dir"]] if "dir" in what else []), what["key"]])


def _fib(what: Json, _base: str) -> str:
    flags = what["flags"]
    listed = [flags] if isinstance(flags, str) else flags
    return f"fib {' . '.join(listed)} {what['result']}"


def _set(what: Json, base: str) -> str:
    listed = what if isinstance(what, list) else [what]
    return "{ " + ", ".join(_element(one, base) for one in listed) + " }"


def _element(json: Json, base: str) -> str:
    if isinstance(json, list) and len(json) == 2:
        return f"{_element(json[0], base)} : {_data(json[1])}"
    if isinstance(json, dict) and "elem" in json:
        return _element(json["elem"]["val"], base)
    return _expression(json, base=base)


def _data(json: Json) -> str:
    if isinstance(json, dict) and json.keys() & _STATEMENTS.keys():
        return _statement(json)
    return _expression(json)


def _map(what: Json, _base: str) -> str:
    data = what["data"]
    right = data if isinstance(data, str) else _expression(data, base=_kind_of(what["key"]))
    return f"{_expression(what['key'])} map {right}"


def _hash(what: Json, _base: str) -> str:
    fields = f"{_expression(what['expr'])} " if "expr" in what else ""
    name = "jhash" if "expr" in what else "symhash"
    tail = "".join(f" {key} {what[key]}" for key in ("seed", "offset") if what.get(key))
    return f"{name} {fields}mod {what['mod']}{tail}"


def _numgen(what: Json, _base: str) -> str:
    offset = f" offset {what['offset']}" if what.get("offset") else ""
    return f"numgen {what['mode']} mod {what['mod']}{offset}"


def _operator(sign: str) -> Callable[[Json, str], str]:
    def text(what: Json, base: str) -> str:
        inner = base or _kind_of(what[0])
        return f" {sign} ".join(_expression(one, base=inner) for one in what)

    return text


def _option(kind: str) -> Callable[[Json, str], str]:
    def text(what: Json, _base: str) -> str:
        parts = [kind, what["name"], *([what["field"]] if "field" in what else [])]
        return " ".join(part for part in parts if part)

    return text


_EXPRESSIONS: dict[str, Callable[[Json, str], str]] = {
    "payload": _payload,
    "meta": _meta,
    "ct": _ct,
    "fib": _fib,
    "rt": lambda what, _base: f"rt {what['key']}",
    "socket": lambda what, _base: f"socket {what['key']}",
    "osf": lambda what, _base: f"osf {what['key']}",
    "exthdr": _option("exthdr"),
    "tcp option": _option("tcp option"),
    "ip option": _option("ip option"),
    "numgen": _numgen,
    "jhash": _hash,
    "symhash": _hash,
    "concat": lambda what, _base: " . ".join(_expression(one) for one in what),
    "set": _set,
    "map": _map,
    "elem": lambda what, base: _expression(what["val"], base=base),
    "prefix": lambda what, _base: f"{what['addr']}/{what['len']}",
    "range": lambda what, base: "-".join(_expression(one, base=base) for one in what),
    "&": _operator("&"),
    "|": _operator("|"),
    "^": _operator("^"),
    "<<": _operator("<<"),
    ">>": _operator(">>"),
}


def _kind_of(left: Json) -> str:
    """What decides how a constant beside `left` is printed."""
    if isinstance(left, dict) and len(left) == 1:
        ((kind, what),) = left.items()
        if kind in ("meta", "ct"):
            return str(what["key"])
        if kind in ("&", "|", "^", "<<", ">>"):
            return _kind_of(what[0])
    return ""


def _match(what: Json) -> str:
    left, op = what["left"], what["op"]
    base = _kind_of(left)
    bare = op == "in" or (op == "==" and not (isinstance(left, dict) and "&" in left))
    middle = " " if bare else f" {op} "
    return f"{_expression(left)}{middle}{_expression(what['right'], base=base)}"


def _vmap(what: Json) -> str:
    data = what["data"]
    right = data if isinstance(data, str) else _expression(data, base=_kind_of(what["key"]))
    return f"{_expression(what['key'])} vmap {right}"


def _mangle(what: Json) -> str:
    value = _expression(what["value"], base=_kind_of(what["key"]))
    return f"{_expression(what['key'])} set {value}"


def _reject(what: Json) -> str:
    if not what or what.get("expr") == "port-unreachable":
        return "reject"
    kind = what["type"]
    return f"reject with {kind}" if "expr" not in what else f"reject with {kind} {what['expr']}"


def _nat(name: str) -> Callable[[Json], str]:
    def text(what: Json) -> str:
        what = what or {}
        target = _target(what)
        flags = what.get("flags", [])
        listed = [flags] if isinstance(flags, str) else flags
        shown = [flag for flag in listed if flag != "netmap"]
        family = f"{what['family']} " if "family" in what and "addr" in what else ""
        to = f" {family}{'prefix ' if 'netmap' in listed else ''}to {target}" if target else ""
        return f"{name}{to}{' ' + ','.join(shown) if shown else ''}"

    return text


def _target(what: Json) -> str:
    port = f":{_expression(what['port'])}" if "port" in what else ""
    if "addr" not in what:
        return port
    address = _expression(what["addr"])
    return f"[{address}]{port}" if port and address.count(":") > 1 else f"{address}{port}"


def _limit(what: Json) -> str:
    if not isinstance(what, dict):
        return f'limit name "{what}"'
    unit = f" {what['rate_unit']}" if what.get("rate_unit", "packets") != "packets" else ""
    return f"limit rate {'over ' if what.get('inv') else ''}{what['rate']}{unit}/{what['per']}"


def _quota(what: Json) -> str:
    if not isinstance(what, dict):
        return f'quota name "{what}"'
    return (
        f"quota {'over ' if what.get('inv') else ''}{what['val']} {what.get('val_unit', 'bytes')}"
    )


def _log(what: Json) -> str:
    return f'log prefix "{what["prefix"]}"' if what and "prefix" in what else "log"


def _dynset(what: Json) -> str:
    nested = "".join(f" {_statement(one)}" for one in what.get("stmt", []))
    return f"{what['op']} {what['set']} {{ {_expression(what['elem'])}{nested} }}"


def _word(word: str) -> Callable[[Json], str]:
    return lambda _what: word


_STATEMENTS: dict[str, Callable[[Json], str]] = {
    "match": _match,
    "vmap": _vmap,
    "mangle": _mangle,
    "reject": _reject,
    "limit": _limit,
    "quota": _quota,
    "log": _log,
    "set": _dynset,
    "counter": _word("counter"),
    "unread": str,
    "notrack": _word("notrack"),
    "queue": _word("queue"),
    "ct helper": lambda what: f'ct helper set "{what}"',
    "ct timeout": lambda what: f'ct timeout set "{what}"',
    "ct count": lambda what: f"ct count {'over ' if what.get('inv') else ''}{what['val']}",
    "jump": lambda what: f"jump {what['target']}",
    "goto": lambda what: f"goto {what['target']}",
}
for _name in ("accept", "drop", "return", "continue"):
    _STATEMENTS[_name] = _word(_name)
for _name in ("snat", "dnat", "masquerade", "redirect", "tproxy"):
    _STATEMENTS[_name] = _nat(_name)
