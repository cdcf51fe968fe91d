"""Which address IPv6 sends from (RFC 6724 section 5; ipv6_dev_get_saddr() of addrconf.c)."""

from __future__ import annotations

from collections.abc import Iterable

from skoop.model.address import Family, Prefix, is_link_local, parse_prefix
from skoop.netstack.state import Address

_LABELS = tuple(
    (parse_prefix(text), label)
    for text, label in (("fc00::/7", 5), ("2001::/32", 6), ("2002::/16", 2))
)
_LABEL_OF_THE_REST = 1


def best_source(addresses: Iterable[Address], device: str, towards: int) -> int:
    """The address for sending to `towards` out of a device, 0 when none has the scope for it."""
    best, best_score = 0, (False, False, False, -1)
    wants_link = is_link_local(Family.V6, towards)
    for address in addresses:
        if address.family is not Family.V6 or address.scope == "host":
            continue
        if (address.scope == "link") != wants_link or "tentative" in address.flags:
            continue
        if wants_link and address.device != device:
            continue
        score = (
            "deprecated" not in address.flags,
            address.device == device,
            _label(address.value) == _label(towards),
            _common(address.value, towards, address.prefix),
        )
        if score > best_score:
            best, best_score = address.value, score
    return best


def _label(address: int) -> int:
    for prefix, label in _LABELS:
        if prefix.contains(address):
            return label
    return _LABEL_OF_THE_REST


def _common(address: int, towards: int, prefix: Prefix) -> int:
    """Rule 8: the leading bits two addresses share, at most those of the subnet."""
    return min(Family.V6.bits - (address ^ towards).bit_length(), prefix.length)
