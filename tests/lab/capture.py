"""A lab as a snapshot on disk: what a diagnosis may know about it, and nothing else.

The underlay and the outside client are left out, as no cluster's collector could see them.
"""

from __future__ import annotations

import ctypes
import json
import socket
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from skoop.snapshot import from_raw, save
from tests.lab.lab import Lab
from tests.lab.namespaces import Netns, inside
from tests.lab.objects import lists
from tests.lab.topology import Node

COMMANDS = (
    "ip -j -d link",
    "ip -j addr",
    "ip -j -4 route show table all",
    "ip -j -6 route show table all",
    "ip -j rule",
    "ip -j -6 rule",
    "ip -j neigh",
    "bridge -j fdb",
    "bridge -j link",
    "iptables-legacy-save",
    "iptables-nft-save",
    "ip6tables-legacy-save",
    "ip6tables-nft-save",
    "nft -j list ruleset",
    "nft list ruleset",
    "ipset save",
    "ss -H -lntu",
)
HOST_COMMANDS = ("conntrack -C", "conntrack -L")
_SAID, _CODES = ".stderr", ".codes"
_SYSCTL_FOLDERS = ("bridge", "ipv4", "ipv6/conf", "netfilter")
_SYSCTL_LEFT_OUT = ("ipv4/neigh", "ipv4/route/flush")


def capture(lab: Lab, folder: Path) -> None:
    """Write the snapshot into a new folder."""
    with TemporaryDirectory(prefix="skoop-raw-") as raw:
        write_raw(lab, Path(raw))
        save(from_raw(raw), folder)


def write_raw(lab: Lab, folder: Path) -> None:
    """Write `cluster/*.json` and a folder of command outputs for each namespace."""
    cluster = folder / "cluster"
    cluster.mkdir(parents=True)
    for resource, content in lists(lab.cluster).items():
        (cluster / f"{resource}.json").write_text(json.dumps(content))
    running = [part for node in lab.cluster.nodes for part in _start_node(lab, node, folder)]
    for process, home in running:
        process.wait()
        _fold(home)


def _start_node(lab: Lab, node: Node, folder: Path) -> list[tuple[subprocess.Popen[bytes], Path]]:
    home, host = folder / "nodes" / node.name, lab.node(node.name)
    started = [_start(host, home / "host", (*COMMANDS, *HOST_COMMANDS))]
    pods = {}
    for pod in lab.cluster.pods_on(node.name):
        namespace, name = lab.pod(pod.name), f"{pod.namespace}_{pod.name}"
        started.append(_start(namespace, home / "pods" / name, COMMANDS))
        pods[name] = {"inode": namespace.inode, "nsid": nsid(host, namespace)}
    known = {"host": {"inode": host.inode}, "pods": pods}
    (home / "netns.json").write_text(json.dumps(known))
    return started


def _start(
    namespace: Netns, folder: Path, commands: tuple[str, ...]
) -> tuple[subprocess.Popen[bytes], Path]:
    """Begin to run the commands; each one's output goes to a file named after it."""
    folder.mkdir(parents=True)
    (folder / "sysctl").write_text(_sysctls(namespace))
    script = []
    for command in commands:
        name = command.replace(" ", "_")
        script.append(f'{command} >{name} 2>{_SAID}; echo "$? {command}" >>{_CODES}')
        script.append(f"[ -s {_SAID} ] && mv {_SAID} {name}{_SAID}")
    with inside(namespace):
        return subprocess.Popen(("sh", "-c", "\n".join(script)), cwd=folder), folder


def _fold(folder: Path) -> None:
    """Return codes and messages into commands.json."""
    results = {}
    for line in (folder / _CODES).read_text().splitlines():
        code, _, command = line.partition(" ")
        said = folder / (command.replace(" ", "_") + _SAID)
        results[command] = {"rc": int(code), "stderr": said.read_text() if said.exists() else ""}
    for leftover in (folder / _CODES, folder / _SAID, *folder.glob(f"*{_SAID}")):
        leftover.unlink(missing_ok=True)
    (folder / "commands.json").write_text(json.dumps(results))


def _sysctls(namespace: Netns) -> str:
    with inside(namespace):
        return "".join(f"{key} = {value}\n" for key, value in sorted(_read_sysctls()))


def _read_sysctls() -> Iterable[tuple[str, str]]:
    root = Path("/proc/sys/net")
    for top in _SYSCTL_FOLDERS:
        for path in (root / top).rglob("*"):
            below = str(path.relative_to(root))
            if below.startswith(_SYSCTL_LEFT_OUT) or not path.is_file():
                continue
            try:
                value = path.read_text().strip()
            except OSError:
                continue
            yield "net." + below.replace(".", "\0").replace("/", ".").replace("\0", "/"), value


_RTM_GETNSID, _NLM_F_REQUEST, _NETNSA_NSID, _NETNSA_FD = 90, 1, 1, 3


def nsid(viewer: Netns, other: Netns) -> int:
    """The id by which one namespace knows another (RTM_GETNSID), -1 when it has none."""
    with inside(viewer):
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    with sock:
        body = struct.pack("=Bxxx", socket.AF_UNSPEC) + struct.pack("=HHI", 8, _NETNSA_FD, other.fd)
        header = struct.pack("=IHHII", 16 + len(body), _RTM_GETNSID, _NLM_F_REQUEST, 1, 0)
        sock.send(header + body)
        answer = sock.recv(4096)
    at = 20
    while at + 8 <= len(answer):
        length, kind = struct.unpack_from("=HH", answer, at)
        if kind == _NETNSA_NSID:
            return ctypes.c_int32(struct.unpack_from("=i", answer, at + 4)[0]).value
        at += max((length + 3) & ~3, 4)
    return -1
