"""Interface names in rules: "eth0", or "cali+" for every name that begins so."""

from __future__ import annotations

from msgspec import Struct


class Interface(Struct, frozen=True):
    """A name to compare with; `prefix` for names that ended in "+"."""

    name: str
    prefix: bool = False

    def matches(self, device: str) -> bool:
        """As ifname_compare does; "" is a hook without this interface."""
        return device.startswith(self.name) if self.prefix else device == self.name


def read_interface(text: str) -> Interface:
    """A bare "+" is any interface, even none."""
    return Interface(text[:-1], prefix=True) if text.endswith("+") else Interface(text)
