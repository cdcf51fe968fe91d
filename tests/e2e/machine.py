"""Where a cluster lives on this machine: its folder, its network namespaces and their addresses.

    client 172.31.0.2 --- router --- bridge 172.30.0.0/24: control plane .10, nodes k1 .11, ...

The router stands in for what leads the addresses of load balancers and external IPs to a node.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e import binaries

STATE = Path("/var/tmp/skoop-e2e")
KEPT = STATE / "kept"
"""Exists while a cluster is to stay until it is taken down."""
PREFIX = "skoop-e2e-"
ROUTER, CONTROL, CLIENT = PREFIX + "router", PREFIX + "control", PREFIX + "client"
NODES = ("k1", "k2", "k3")

CONTROL_ADDRESS = "172.30.0.10"
CLIENT_ADDRESS = "172.31.0.2"
POD_CIDR = "10.244.0.0/16"
SERVICE_CIDR = "10.96.0.0/16"
DNS_ADDRESS = "10.96.0.10"
ROUTED_ADDRESSES = "172.30.8.0/24"
"""Led to the first node: for load balancers' ingress addresses and external IPs."""

PACKAGES = (
    *("containerd", "runc", "containernetworking-plugins", "busybox-static", "openssl"),
    *("iproute2", "iptables", "nftables", "ipset", "conntrack"),
)

_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids")
_NAMED = ("systemd", "unified")
CGROUPS = (*_CONTROLLERS, *_NAMED)
CGROUP_ROOT = Path("/sys/fs/cgroup")


def namespace(node: str) -> str:
    """The network namespace of a node."""
    return PREFIX + node


def address(node: str) -> str:
    """A node's address on the bridge."""
    return f"172.30.0.{10 + int(node[1:])}"


def run(*command: str, check: bool = True, text: str = "") -> str:
    """Run a program; its stdout. Raises RuntimeError with its stderr."""
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def network_up() -> None:
    """Make the namespaces and the underlay."""
    for name in (ROUTER, CONTROL, CLIENT, *map(namespace, NODES)):
        run("ip", "netns", "add", name)
        run("ip", "-n", name, "link", "set", "lo", "up")
    _batch(
        ROUTER,
        "link add br0 type bridge",
        "link set br0 up",
        "addr add 172.30.0.1/24 dev br0",
    )
    hosts = {CONTROL: CONTROL_ADDRESS} | {namespace(node): address(node) for node in NODES}
    for number, (name, own) in enumerate(hosts.items()):
        _batch(
            ROUTER,
            f"link add port{number} type veth peer name eth0 netns {name}",
            f"link set port{number} master br0 up",
        )
        _host(name, f"{own}/24", "172.30.0.1")
    _batch(
        ROUTER,
        f"link add client type veth peer name eth0 netns {CLIENT}",
        "link set client up",
        "addr add 172.31.0.1/24 dev client",
        f"route add {ROUTED_ADDRESSES} via {address(NODES[0])}",
    )
    _host(CLIENT, f"{CLIENT_ADDRESS}/24", "172.31.0.1")
    for name in (ROUTER, *map(namespace, NODES)):
        run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1")


def _host(name: str, own: str, gateway: str) -> None:
    _batch(
        name,
        f"addr add {own} dev eth0",
        "link set eth0 up",
        f"route add default via {gateway}",
    )


def _batch(name: str, *lines: str) -> None:
    run("ip", "-n", name, "-batch", "-", text="\n".join(lines) + "\n")


def forget_history() -> None:
    """Let the cluster's store forget every version of its objects but the last, as the API server
    does every five minutes."""
    inside = ("nsenter", f"--net=/run/netns/{CONTROL}", sys.executable, "-c", _COMPACT)
    run(*inside)


_COMPACT = """
import json, urllib.request
def ask(path, body):
    data = json.dumps(body).encode()
    return json.load(urllib.request.urlopen("http://127.0.0.1:2379/v3/kv/" + path, data, 10))
ask("compaction", {"revision": ask("range", {"key": "AA=="})["header"]["revision"]})
"""


def network_down() -> None:
    """Delete every namespace of ours."""
    for name in namespaces():
        run("ip", "netns", "delete", name)


def namespaces() -> list[str]:
    """The names of our network namespaces that exist."""
    return sorted(path.name for path in Path("/run/netns").glob(PREFIX + "*"))


@contextmanager
def alone() -> Iterator[None]:
    """Hold this machine's only cluster. Raises RuntimeError when another run has it."""
    binaries.cache().mkdir(parents=True, exist_ok=True)
    with (binaries.cache() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError("another end-to-end run is going on on this machine") from None
        yield


def spawn(name: str, *command: str) -> None:
    """Start a program that outlives us; its output goes to a log, its process id to a file."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    (STATE / f"{name}.pid").write_text(str(process.pid))


def ended() -> str:
    """Which spawned program has ended, with its last output; empty if all are alive."""
    for path in sorted(STATE.glob("*.pid")):
        if not _is_ours(int(path.read_text())):
            return f"{path.stem} ended: {path.with_suffix('.log').read_text()[-2000:]}"
    return ""


def kill_all() -> None:
    """End what spawn started: each is the parent of a process namespace, which ends with it."""
    ended = [int(path.read_text()) for path in STATE.glob("*.pid")]
    for pid in filter(_is_ours, ended):
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while any(map(_is_ours, ended)) and time.monotonic() < deadline:
        time.sleep(0.05)


def _is_ours(pid: int) -> bool:
    """A process id may have been given to another program since."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return str(STATE).encode() in command and stat.rpartition(")")[2].split()[0] != "Z"


def cgroups_down() -> list[Path]:
    """Remove our control groups; those that could not be removed."""
    for _ in range(100):
        for root in _cgroup_roots():
            for folder in sorted(root.rglob("*"), key=lambda path: -len(path.parts)):
                if folder.is_dir():
                    _remove(folder)
            _remove(root)
        if not _cgroup_roots():
            return []
        time.sleep(0.1)
    return _cgroup_roots()


def _cgroup_roots() -> list[Path]:
    roots = [CGROUP_ROOT / name / "skoop-e2e" for name in CGROUPS]
    return [root for root in roots if root.exists()]


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return


def prepare() -> None:
    """Install what a cluster needs from Debian.

    Raises:
        RuntimeError: no cluster can run on this machine, or a package could not be installed.
    """
    check()
    absent = [name for name in PACKAGES if not _installed(name)]
    if absent:
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-qq", "-y", "--no-install-recommends", *absent)


def _installed(package: str) -> bool:
    status = run("dpkg-query", "-W", "-f", "${Status}", package, check=False)
    return "ok installed" in status


def check() -> None:
    """Raises RuntimeError when no cluster can run on this machine, whatever is installed."""
    if os.geteuid() != 0:
        raise RuntimeError("not root")
    if shutil.which("apt-get") is None:
        raise RuntimeError("not Debian; KUBECONFIG may name a cluster instead")
    absent = [name for name in CGROUPS if not (CGROUP_ROOT / name).is_dir()]
    if absent:
        raise RuntimeError(
            f"no cgroup v1 hierarchies ({', '.join(absent)}); KUBECONFIG may name a cluster instead"
        )
