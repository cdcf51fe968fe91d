"""Accounts and given names in a cloud's answers. Resource ids say nothing of their owner and stay:
findings are about them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

_ACCOUNTS = frozenset(("AccountId", "OwnerId", "AcceptingOwnerUid", "AliUid"))
_OWNERS = ("GroupOwnerAccount",)
_LEFT_OUT = frozenset(
    ("Arn", "PrincipalId", "UserId", "RoleId", "Tags", "Description", "HostName", "KeyPairName")
)
_KEPT_NAMES = frozenset(("DNSName",))


def anonymous(value: Any, key: bytes) -> Any:
    """The same answers with other account numbers, and without what people have written: names,
    descriptions, tags. `key` makes the numbers."""
    if isinstance(value, dict):
        return {
            name: _field(name, one, key) for name, one in value.items() if name not in _LEFT_OUT
        }
    if isinstance(value, list):
        return [anonymous(one, key) for one in value]
    return value


def _field(name: str, value: Any, key: bytes) -> Any:
    if isinstance(value, str | int) and (name in _ACCOUNTS or name.endswith(_OWNERS)):
        return _account(value, key)
    if isinstance(value, str) and name.endswith("Name") and name not in _KEPT_NAMES:
        return ""
    return anonymous(value, key)


def _account(value: str | int, key: bytes) -> str | int:
    if value in ("", 0):
        return value
    digest = blake2b(str(value).encode(), key=key[:64], digest_size=8).digest()
    number = 10**15 + int.from_bytes(digest, "big") % (9 * 10**15)
    return number if isinstance(value, int) else str(number)
