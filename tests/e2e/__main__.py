"""python -m tests.e2e build | ready | up MODE | down | run [PYTEST ARGUMENTS]

`ready` says whether `run` can start at once, or why not. `run` uses the cluster of KUBECONFIG if
that is set; else it makes one for each mode of kube-proxy, and gives the tests on each
SKOOP_E2E_SECONDS (none: as long as they take). It exits with pytest's code, with 75 when there is
no cluster to test on, and with 124 when the tests did not finish in time but none had failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from tests.e2e import binaries, cluster, machine

NO_CLUSTER, LATE = 75, 124
"""Exit codes, as EX_TEMPFAIL of sysexits(3) and of timeout(1)."""
_INTERRUPTED = 2
_WINDING_UP = 90
"""Seconds for the tests to mend what they broke once they are interrupted."""


def main(arguments: list[str]) -> int:
    try:
        return _run_command(arguments)
    except (cluster.ClusterError, RuntimeError) as error:
        print(f"no cluster: {error}", file=sys.stderr)
        return NO_CLUSTER


def _run_command(arguments: list[str]) -> int:
    match arguments:
        case ["build"]:
            machine.check()
            binaries.build()
        case ["ready"]:
            machine.check()
            if missing := ", ".join(each.name for each in binaries.missing()):
                raise RuntimeError(f"not built yet (make e2e builds them): {missing}")
        case ["up", mode] if mode in cluster.MODES:
            machine.prepare()
            with machine.alone():
                cluster.up(mode)
                machine.KEPT.touch()
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
    """The tests on every cluster; the worst exit code."""
    if os.environ.get("KUBECONFIG"):
        return _tests(arguments, dict(os.environ), ())
    machine.prepare()
    binaries.build()
    with machine.alone():
        if machine.KEPT.exists():
            raise RuntimeError("a cluster of `make e2e-up` is there; `make e2e-down` ends it")
        return _in_each_mode(arguments)


def _in_each_mode(arguments: list[str]) -> int:
    codes = []
    for mode in cluster.MODES:
        print(f"== kube-proxy in {mode} mode", flush=True)
        try:
            cluster.up(mode)
            own = {"KUBECONFIG": str(cluster.ADMIN), "SKOOP_E2E_MACHINE": "1"}
            inside = ("nsenter", f"--net=/run/netns/{machine.CLIENT}")
            codes.append(_tests(arguments, os.environ | own, inside))
        finally:
            cluster.down()
    failed = [code for code in codes if code not in (0, LATE)]
    return failed[0] if failed else max(codes)


def _tests(arguments: list[str], environment: dict[str, str], inside: tuple[str, ...]) -> int:
    tests = (sys.executable, "-m", "pytest", "tests/e2e", "-p", "no:cacheprovider", *arguments)
    limit = os.environ.get("SKOOP_E2E_SECONDS")
    with subprocess.Popen([*inside, *tests], env=environment | {"SKOOP_E2E": "1"}) as process:
        try:
            return process.wait(float(limit) if limit else None)
        except subprocess.TimeoutExpired:
            print(f"not finished within {limit} s", flush=True)
            process.send_signal(signal.SIGINT)
            return _wind_up(process)


def _wind_up(process: subprocess.Popen[bytes]) -> int:
    """pytest ends an interrupted run with its own code, also when a test has failed: so it runs
    with --exitfirst wherever time is limited, and an interrupted run has no failure in it."""
    try:
        code = process.wait(_WINDING_UP)
    except subprocess.TimeoutExpired:
        process.kill()
        return LATE
    return LATE if code == _INTERRUPTED else code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
