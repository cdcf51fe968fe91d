"""TOS bytes and DSCP classes by name (libxt_tos and libxt_dscp's tables, RFC 2474, 2597, 3246)."""

from __future__ import annotations

from skoop.netstack.iptables.values import number, value_and_mask

_TOS = {
    "minimize-delay": 0x10,
    "maximize-throughput": 0x08,
    "maximize-reliability": 0x04,
    "minimize-cost": 0x02,
    "normal-service": 0x00,
}
_NAMED_TOS_MASK = 0x3F


def tos_value_and_mask(text: str) -> tuple[int, int]:
    """ "0x10/0x3f", or a name, which leaves the two ECN bits alone. Raises ValueError."""
    named = _TOS.get(text.lower())
    return value_and_mask(text, 0xFF) if named is None else (named, _NAMED_TOS_MASK)


def dscp_value(text: str, *, is_class: bool) -> int:
    """0..63 from a number, or from a class: CS0-7, AF11-43, EF, BE. Raises ValueError."""
    if not is_class:
        value = number(text)
        if value > 63:
            raise ValueError(f"{text[:20]!r} is not a DSCP")
        return value
    name = text.upper()
    if name in ("EF", "BE"):
        return 46 if name == "EF" else 0
    kind, digits = name[:2], name[2:]
    if kind == "CS" and len(digits) == 1 and digits in "01234567":
        return int(digits) * 8
    if kind == "AF" and len(digits) == 2 and digits[0] in "1234" and digits[1] in "123":
        return int(digits[0]) * 8 + int(digits[1]) * 2
    raise ValueError(f"{text[:20]!r} is not a DSCP class")
