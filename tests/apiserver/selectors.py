"""Label and field selectors (apimachinery/pkg/labels, pkg/fields)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SET = re.compile(r"^\s*([\w./-]+)\s+(in|notin)\s+\(([^)]*)\)\s*$")


def labels_match(selector: str, labels: Mapping[str, str]) -> bool:
    return all(_label(each, labels) for each in _split(selector))


def fields_match(selector: str, found: Mapping[str, Any]) -> bool:
    """metadata.name=x,spec.nodeName!=y: any path of the object."""
    return all(_field(each, found) for each in selector.split(",") if each)


def _split(selector: str) -> list[str]:
    """At commas outside of brackets."""
    return [each for each in re.split(r",(?![^(]*\))", selector) if each.strip()]


def _label(text: str, labels: Mapping[str, str]) -> bool:
    match = _SET.match(text)
    if match:
        values = {value.strip() for value in match[3].split(",")}
        return (labels.get(match[1]) in values) == (match[2] == "in")
    for sign in ("!=", "==", "="):
        key, found, value = text.partition(sign)
        if found:
            return (labels.get(key.strip()) == value.strip()) == (sign != "!=")
    name = text.strip()
    return name[1:].strip() not in labels if name.startswith("!") else name in labels


def _field(text: str, found: Mapping[str, Any]) -> bool:
    for sign in ("!=", "==", "="):
        path, there, value = text.partition(sign)
        if there:
            return (_at(found, path.strip()) == value.strip()) == (sign != "!=")
    raise ValueError(f"{text!r} is no field selector")


def _at(found: Any, path: str) -> str:
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return "" if found is None else str(found)
