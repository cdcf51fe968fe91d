"""Settings that decide about packets, with the kernel's rule for combining "all" and a device.

include/linux/inetdevice.h: IN_DEV_ANDCONF, IN_DEV_ORCONF, IN_DEV_MAXCONF. A dot in an interface's
name is written "/" in sysctl names.
"""

from __future__ import annotations

from collections.abc import Mapping

from skoop.model.address import Family


class Sysctls:
    """Typed reading of one namespace's settings. A setting not collected has the kernel's default
    (`net/ipv4/devinet.c`), except forwarding, which `forwarding()` can report as not known."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def number(self, name: str, default: int) -> int:
        """A setting as a number; the default when it is missing or not a number."""
        text = self._values.get(name, "")
        try:
            return int(text)
        except ValueError:
            return default

    def _conf(self, device: str, name: str, default: int) -> int:
        return self.number(f"net.ipv4.conf.{device.replace('.', '/')}.{name}", default)

    def either(self, device: str, name: str) -> bool:
        """IN_DEV_ORCONF: set for all or for the device."""
        return bool(self._conf("all", name, 0) or self._conf(device, name, 0))

    def highest(self, device: str, name: str) -> int:
        """IN_DEV_MAXCONF: the larger of all's and the device's."""
        return max(self._conf("all", name, 0), self._conf(device, name, 0))

    def forwarding(self, family: Family, device: str) -> bool | None:
        """Whether packets that come in by a device may be forwarded; None if not collected.

        IPv4 asks the input device only (writing ip_forward copies the value to every device);
        IPv6 asks "all" (net/ipv6/ip6_output.c), or the device's force_forwarding.
        """
        if family is Family.V6:
            if self.number(f"net.ipv6.conf.{device.replace('.', '/')}.force_forwarding", 0):
                return True
            value = self.number("net.ipv6.conf.all.forwarding", -1)
        else:
            value = self._conf(device, "forwarding", self.number("net.ipv4.ip_forward", -1))
        return None if value < 0 else value > 0

    def bridge_calls(self, family: Family) -> bool:
        """Whether bridged frames are shown to iptables (br_netfilter loaded and switched on)."""
        tool = "iptables" if family is Family.V4 else "ip6tables"
        return self.number(f"net.bridge.bridge-nf-call-{tool}", 0) > 0

    def ipv6_disabled(self, device: str) -> bool:
        """disable_ipv6 of the device."""
        return self.number(f"net.ipv6.conf.{device.replace('.', '/')}.disable_ipv6", 0) > 0

    def evidence(self, *names: str) -> str:
        """The settings by name as `sysctl` prints them, those that are known."""
        known = (f"{name} = {self._values[name]}" for name in names if name in self._values)
        return "; ".join(known)
