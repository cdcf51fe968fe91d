"""Fields that need more than their JSON type: addresses, prefixes, ports, metadata."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from skoop.model.address import Family, Prefix, parse_ip, parse_prefix
from skoop.model.kube import Address, LabelSelector, Requirement

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_MAPPED = 0xFFFF  # ::ffff:0:0/96


class FieldError(ValueError):
    """A field whose text is not what it should be."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")


class OwnerReference(Struct, rename="camel", frozen=True, gc=False):
    """metadata.ownerReferences[]."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class Metadata(Struct, rename="camel", frozen=True, gc=False):
    """metadata; `namespace` is "default" where a hand-made object left it out."""

    name: str
    namespace: str = "default"
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    deletion_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None


class ExpressionWire(Struct, frozen=True, gc=False):
    """matchExpressions[]."""

    key: str
    operator: str
    values: list[str] | None = None


class SelectorWire(Struct, rename="camel", frozen=True, gc=False):
    """metav1.LabelSelector."""

    match_labels: dict[str, str] | None = None
    match_expressions: list[ExpressionWire] | None = None


_OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist"})


def selector(wire: SelectorWire, field: str) -> LabelSelector:
    """A label selector; an operator of another name is a FieldError."""
    expressions = []
    for each in wire.match_expressions or ():
        if each.operator not in _OPERATORS:
            raise FieldError(f"{field}.matchExpressions", f"unknown operator {each.operator!r}")
        expressions.append(Requirement(each.key, each.operator, tuple(each.values or ())))
    return LabelSelector(wire.match_labels or {}, tuple(expressions))


def kept_annotations(metadata: Metadata) -> Mapping[str, str]:
    """The annotations without kubectl's copy of the whole object."""
    found = metadata.annotations
    if not found:
        return {}
    found.pop(_LAST_APPLIED, None)
    return found


def intern(text: str) -> str:
    """One copy of words that repeat in every object."""
    return sys.intern(text)


def address(text: str, field: str) -> Address:
    """An IP address as Kubernetes reads it (k8s.io/utils/net ParseIPSloppy).

    Leading zeros are decimal, and an IPv4-mapped IPv6 address is IPv4.
    """
    try:
        found = parse_ip(text)
    except ValueError:
        found = _sloppy(text, field)
    family, value = found
    if family is Family.V6 and value >> 32 == _MAPPED:
        return Family.V4, value & 0xFFFFFFFF
    return found


def _sloppy(text: str, field: str) -> Address:
    try:
        return parse_ip(".".join(part.lstrip("0") or "0" for part in text.split(".")))
    except ValueError as error:
        raise FieldError(field, f"{text[:60]!r} is not an IP address") from error


def addresses(texts: Iterable[str] | None, field: str) -> tuple[Address, ...]:
    """Several addresses, empty texts left out."""
    return tuple(address(text, field) for text in texts or () if text)


def prefix(text: str, field: str) -> Prefix:
    """A CIDR; host bits are cleared."""
    try:
        return parse_prefix(text.strip())
    except ValueError as error:
        raise FieldError(field, f"{text[:60]!r} is not a CIDR") from error


def prefixes(texts: Iterable[str] | None, field: str) -> tuple[Prefix, ...]:
    """Several CIDRs, empty texts left out."""
    return tuple(prefix(text, field) for text in texts or () if text)
