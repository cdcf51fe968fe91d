"""How long the agent takes on a node with many pods, packed as exec carries it.

    sudo .venv/bin/python -m bench.agent_scale [--pods 100] [--rules 20000] [--shell dash]

Builds a node of network namespaces with a bridge, a veth pair for each pod and iptables rules, runs
agent.sh in it as exec would, and reads the result. The limit: 100 pods within 2 s.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from skoop.collector.document import parse_agent_output
from skoop.collector.packing import unpack
from skoop.collector.script import agent_script

LIMIT = 2.0


def _ip(lines: list[str], *options: str) -> None:
    text = "\n".join(lines).encode()
    subprocess.run(["ip", *options, "-batch", "-"], input=text, check=True)


@contextmanager
def node(pods: int, rules: int) -> Iterator[tuple[str, list[str]]]:
    """A node's namespace and its pods'."""
    host = f"skb{os.getpid()}"
    names = [f"{host}p{number}" for number in range(pods)]
    try:
        _ip([f"netns add {name}" for name in (host, *names)])
        lines = ["link add br0 type bridge", "link set br0 up", "link set lo up"]
        for number, name in enumerate(names):
            lines.append(f"link add v{number} type veth peer name eth0 netns {name}")
            lines.append(f"link set v{number} master br0 up")
        _ip(lines, "-n", host)
        for number, name in enumerate(names):
            address = f"10.9.{number // 250}.{number % 250 + 2}/16"
            _ip([f"addr add {address} dev eth0", "link set eth0 up"], "-n", name)
        text = ["*filter", *(f"-A FORWARD -s 10.8.{n >> 8 & 255}.{n & 255} -j ACCEPT"
                             for n in range(rules)), "COMMIT", ""]  # fmt: skip
        command = ["ip", "netns", "exec", host, "iptables-restore"]
        subprocess.run(command, input="\n".join(text).encode(), check=True)
        yield host, names
    finally:
        for name in (host, *names):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _processor() -> float:
    """Seconds that children have used; the agent uses two processors where there are two."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Build, run three times, print."""
    parser = argparse.ArgumentParser(description="The agent on a node with many pods.")
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument("--rules", type=int, default=20_000)
    parser.add_argument("--shell", default="dash")
    given = parser.parse_args()
    with node(given.pods, given.rules) as (host, names):
        words = ["--pack", "--host", f"/run/netns/{host}"]
        for number, name in enumerate(names):
            words += ["--netns", f"ns/pod-{number}=/run/netns/{name}"]
        shell = given.shell.split()
        environment = {**os.environ, "SKOOP_SHELL": given.shell}
        for _ in range(3):
            start, worked = time.monotonic(), _processor()
            done = subprocess.run(
                [*shell, "-s", "--", *words],
                input=agent_script().encode(),
                capture_output=True,
                check=True,
                env=environment,
            )
            took, work = time.monotonic() - start, _processor() - worked
            data = unpack(done.stdout, "bench")
            document = parse_agent_output(data, "bench", "bench")
            read = time.monotonic() - start - took
            assert len(document.namespaces) == given.pods + 1
            print(
                f"{given.pods} pods, {given.rules} rules, {given.shell}: agent {took:.2f} s"
                f" (limit {LIMIT:.0f}), {work:.2f} s of processors,"
                f" {len(done.stdout):,} bytes sent of {len(data):,}, reading {read:.2f} s"
            )


if __name__ == "__main__":
    main()
