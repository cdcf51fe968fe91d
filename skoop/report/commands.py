"""Which lines of a suggestion are for a shell."""

from __future__ import annotations

_COMMANDS = (
    "ip", "bridge", "iptables", "ip6tables", "nft", "ipset", "conntrack", "sysctl", "modprobe",
    "kubectl", "systemctl", "ethtool", "tc", "nsenter", "calicoctl", "ipvsadm", "ss", "skoop",
    "aliyun",
)  # fmt: skip


def is_command(line: str) -> bool:
    """Whether a line of a fix is for a shell: indented, or begins with a tool's name."""
    words = line.split()
    return line.startswith("    ") or (bool(words) and words[0].split("-")[0] in _COMMANDS)
