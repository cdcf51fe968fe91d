"""python -m tests.e2e build | up MODE | down | run [PYTEST ARGUMENTS]"""

from __future__ import annotations

import os
import subprocess
import sys

from tests.e2e import binaries, cluster, machine


def main(arguments: list[str]) -> int:
    match arguments:
        case ["build"]:
            binaries.build()
        case ["up", mode] if mode in cluster.MODES:
            machine.prepare()
            cluster.up(mode)
            print(f"nsenter --net=/run/netns/{machine.CLIENT}; KUBECONFIG={cluster.ADMIN}")
        case ["down"]:
            cluster.down()
        case ["run", *rest]:
            return run(rest)
        case _:
            print(__doc__, file=sys.stderr)
            return 2
    return 0


def run(arguments: list[str]) -> int:
    """The tests on a cluster of each mode; on the cluster of KUBECONFIG if that is set.

    Raises:
        RuntimeError: this machine cannot run a cluster.
    """
    if os.environ.get("KUBECONFIG"):
        return _tests(arguments, dict(os.environ), ())
    machine.prepare()
    binaries.build()
    worst = 0
    for mode in cluster.MODES:
        print(f"== kube-proxy in {mode} mode", flush=True)
        try:
            cluster.up(mode)
            own = {"KUBECONFIG": str(cluster.ADMIN), "SKOOP_E2E_MACHINE": "1"}
            inside = ("nsenter", f"--net=/run/netns/{machine.CLIENT}")
            worst = max(worst, _tests(arguments, os.environ | own, inside))
        finally:
            cluster.down()
    return worst


def _tests(arguments: list[str], environment: dict[str, str], inside: tuple[str, ...]) -> int:
    tests = (sys.executable, "-m", "pytest", "tests/e2e", "-p", "no:cacheprovider", *arguments)
    environment = environment | {"SKOOP_E2E": "1"}
    return subprocess.run([*inside, *tests], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
