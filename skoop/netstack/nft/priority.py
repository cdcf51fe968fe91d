"""Chain priorities by name (uapi/linux/netfilter_ipv4.h; nft's std_prios)."""

from __future__ import annotations

import re

_NAMES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_FORM = re.compile(r"(?:(-?\d+)|([a-z]+)(?: ?([+-]) ?(\d+))?)\Z")


def priority_of(prio: int | str) -> int:
    """-100, "dstnat", "dstnat - 10"; raises ValueError."""
    if isinstance(prio, int):
        return prio
    form = _FORM.match(prio.strip())
    if form is None or (form[2] and form[2] not in _NAMES):
        raise ValueError(f"priority {prio[:40]!r}")
    if form[1]:
        return int(form[1])
    offset = int(form[4] or 0)
    return _NAMES[form[2]] + (-offset if form[3] == "-" else offset)
