"""Reading fields of an answer. Total: what is absent is empty, what is not what the API documents
raises BadAnswer with the field's name."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from skoop.infra.aliyun.client.errors import BadAnswer
from skoop.infra.resources import ANY_PORT_RANGE, PortRange
from skoop.model.address import Prefix, parse_ip, parse_prefix
from skoop.model.kube import Address

Item = dict[str, Any]
_PLAIN = re.compile(r'[^\s"=();]+')
"""A value that needs no quotes."""


def items(answer: Item, *path: str) -> tuple[Item, ...]:
    """The objects of a list, () when any key on the way is absent."""
    return tuple(each for each in values(answer, *path) if isinstance(each, dict))


def values(answer: Item, *path: str) -> tuple[Any, ...]:
    """The members of a list, () when any key on the way is absent."""
    value: Any = answer
    for key in path:
        if value is None or value == "":
            return ()
        if not isinstance(value, dict):
            raise BadAnswer(f"Aliyun's answer has no object around {key}.")
        value = value.get(key)
    if value is None or value == "":
        return ()
    if not isinstance(value, list):
        raise BadAnswer(f"Aliyun's answer has no list in {'.'.join(path)}.")
    return tuple(value)


def text(item: Item, key: str) -> str:
    """A field as text, "" when it is absent."""
    value = item.get(key)
    return "" if value is None else str(value)


def number(item: Item, key: str, default: int = 0) -> int:
    """A whole number, also when the API writes it as text."""
    value = item.get(key)
    if value is None or value == "":
        return default
    try:
        return int(value)
    except (TypeError, ValueError):
        raise BadAnswer(f"Aliyun's answer has {key} {value!r}, which is no number.") from None


def required(item: Item, key: str) -> str:
    """A field that every such item has."""
    value = text(item, key)
    if not value:
        raise BadAnswer(f"Aliyun's answer lacks {key} where every item has one.")
    return value


def address(value: str) -> Address:
    """An address. Raises BadAnswer."""
    try:
        return parse_ip(value)
    except ValueError:
        raise BadAnswer(f"Aliyun's answer has {value[:60]!r} for an address.") from None


def addresses(texts: tuple[Any, ...]) -> tuple[Address, ...]:
    """Every address that is not empty."""
    return tuple(address(str(each)) for each in texts if each)


def prefix(value: str) -> Prefix:
    """A network, or one address. Raises BadAnswer."""
    try:
        return parse_prefix(value)
    except ValueError:
        raise BadAnswer(f"Aliyun's answer has {value[:60]!r} for a network.") from None


def prefixes(texts: tuple[Any, ...]) -> tuple[Prefix, ...]:
    """Every network that is not empty."""
    return tuple(prefix(str(each)) for each in texts if each)


def ports(value: str) -> PortRange:
    """ "80/80", "1/200", "-1/-1" (all), "80", "" (all), "any"."""
    if value.strip().lower() in ("", "any", "-1/-1", "-1"):
        return ANY_PORT_RANGE
    first, _, last = value.partition("/")
    try:
        return PortRange(int(first), int(last or first))
    except ValueError:
        raise BadAnswer(f"Aliyun's answer has {value[:60]!r} for a range of ports.") from None


def raw(item: Item) -> str:
    """The item in the API's own words, `Key=value` for `Key=value`, without what is empty."""
    return _spoken(_filled(item))


def _spoken(value: Any) -> str:
    match value:
        case dict():
            return " ".join(f"{key}={_enclosed(one)}" for key, one in value.items())
        case list():
            return "; ".join(map(_spoken, value))
        case str():
            return value if _PLAIN.fullmatch(value) else msgspec.json.encode(value).decode()
        case _:
            return msgspec.json.encode(value).decode()


def _enclosed(value: Any) -> str:
    """A value after its key. The API wraps lists in an object of their own."""
    if isinstance(value, dict) and len(value) == 1:
        (only,) = value.values()
        value = only if isinstance(only, list) else value
    return f"({_spoken(value)})" if isinstance(value, dict | list) else _spoken(value)


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        shown = {key: _filled(one) for key, one in value.items()}
        return {key: one for key, one in shown.items() if one not in ("", None, {}, [])}
    if isinstance(value, list):
        return [_filled(one) for one in value]
    return value
