"""Addresses found in, and replaced in, any text: JSON or a tool's output."""

from __future__ import annotations

import re
from itertools import chain

from skoop.model.address import Family, format_ip, parse_ip, parse_prefix
from skoop.snapshot.redaction.addresses import AddressMap

_V4 = r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\.\d)(?!\d)"
_V6 = (
    r"(?<![0-9A-Za-z:.])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.\d{1,3}){0,3}"
    r"(?![0-9A-Za-z:])"
)
_ADDRESS = re.compile(rf"({_V4}|{_V6})(/\d{{1,3}}(?![\d.]))?")
# nft's JSON keeps a network's length apart: {"prefix": {"addr": "10.0.0.0", "len": 8}}.
_NFT_PREFIX = re.compile(r'("addr":\s*")([0-9A-Fa-f.:]+)(",\s*"len":\s*)(\d{1,3})')
_RANGE = re.compile(rf"({_V4}|{_V6})-({_V4}|{_V6})")
_NFT_RANGE = re.compile(rf'"range":\s*\[\s*"({_V4}|{_V6})",\s*"({_V4}|{_V6})"')
_HEX = re.compile(r"\b([0-9A-F]{32}|[0-9A-F]{8}):(?=[0-9A-F]{4}\b)")


def ranges_in(text: str) -> set[tuple[Family, int, int]]:
    """Ranges ("a-b", and nft's JSON) that reach over more than the bits that stay."""
    found = set()
    for match in chain(_RANGE.finditer(text), _NFT_RANGE.finditer(text)):
        try:
            (family, low), (other, high) = parse_ip(match[1]), parse_ip(match[2])
        except ValueError:
            continue
        kept = 8 if family is Family.V4 else 64
        if family is other and low <= high and low >> kept != high >> kept:
            found.add((family, low, high))
    return found


def replace_addresses(text: str, addresses: AddressMap) -> str:
    """The text with every address replaced. A network keeps its host bits clear."""
    prefixed = _NFT_PREFIX.sub(lambda match: _nft_prefix(match, addresses), text)
    return _ADDRESS.sub(lambda match: _address(match, addresses), prefixed)


def _nft_prefix(match: re.Match[str], addresses: AddressMap) -> str:
    """Written as one that the later pass cannot take for something to replace again."""
    try:
        prefix = parse_prefix(f"{match[2]}/{match[4]}")
    except ValueError:
        return match[0]
    network = format_ip(prefix.family, addresses.map_prefix(prefix).network)
    return f"{match[1]}{_DONE}{network}{match[3]}{match[4]}"


_DONE = "\u0000"
"""Stands before an address that is replaced already; no tool prints it."""


def _address(match: re.Match[str], addresses: AddressMap) -> str:
    text, length = match[1], match[2] or ""
    if match.start() and match.string[match.start() - 1] == _DONE:
        return match[0]
    try:
        if length:
            return _with_length(text, length, addresses)
        family, value = parse_ip(text)
    except ValueError:
        return match[0]
    return format_ip(family, addresses.map(family, value))


def _with_length(text: str, length: str, addresses: AddressMap) -> str:
    family, value = parse_ip(text)
    prefix = parse_prefix(text + length)
    if value == prefix.network:
        return str(addresses.map_prefix(prefix))
    return format_ip(family, addresses.map(family, value)) + length


def without_marks(text: str) -> str:
    """The text when all passes are done."""
    return text.replace(_DONE, "")


def replace_hex_addresses(text: str, addresses: AddressMap) -> str:
    """For /proc/net/{tcp,udp}*, which print words in the machine's (little-endian) order."""
    return _HEX.sub(lambda match: _hex(match[1], addresses) + ":", text)


def _hex(text: str, addresses: AddressMap) -> str:
    family = Family.V4 if len(text) == 8 else Family.V6
    value = int.from_bytes(_swapped(bytes.fromhex(text)), "big")
    mapped = addresses.map(family, value).to_bytes(family.bits // 8, "big")
    return _swapped(mapped).hex().upper()


def _swapped(data: bytes) -> bytes:
    return b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))
