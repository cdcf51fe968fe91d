"""Names outside the cluster. Passed in, so that a snapshot's answer never depends on the DNS."""

from __future__ import annotations

import socket
from collections.abc import Callable

from skoop.model.address import parse_ip
from skoop.model.kube import Address

Lookup = Callable[[str], tuple[Address, ...]]
"""Gives a name's addresses, () when it has none or they cannot be told."""


def no_lookup(name: str) -> tuple[Address, ...]:
    """For snapshots: no external name is known."""
    del name
    return ()


def system_lookup(name: str) -> tuple[Address, ...]:
    """Ask this machine's resolver, which may know other names than the cluster's DNS."""
    try:
        answers = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    texts = (str(answer[4][0]) for answer in answers)
    return tuple(dict.fromkeys(parse_ip(text) for text in texts if "%" not in text))
