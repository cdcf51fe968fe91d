"""`skoop detect`: what skoop takes a cluster for, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from skoop.cli.grouped import grouped
from skoop.cli.options import AsList, Believed, ListFormat

if TYPE_CHECKING:
    from skoop.cluster.detect import ClusterFacts, Fact
    from skoop.model.address import Prefix
    from skoop.network.base import Collected


@grouped
def detect(
    snapshot: Annotated[str, typer.Option(metavar="PATH", help="Of a snapshot.")] = "",
    kubeconfig: Annotated[
        str, typer.Option("--kubeconfig", metavar="FILE", help="Of a live cluster.")
    ] = "",
    context: Annotated[str, typer.Option("--context", metavar="NAME", help="Its context.")] = "",
    *,
    believed: Believed,
    output: AsList = ListFormat.TABLE,
) -> None:
    """Say what skoop takes a cluster for: each fact, where it was found, and the flag that
    overrides it. Of a live cluster only the API's objects are read."""
    from skoop.cli.output import remark, write_list
    from skoop.cluster.detect import detect as found

    collected = _collected(snapshot, kubeconfig, context)
    hosts = {name: machine.host for name, machine in collected.machines.items()}
    facts = found(collected.inventory, hosts, overrides=believed.overrides())
    write_list(output, ("fact", "value", "source", "certain", "flag"), _rows(facts))
    for note in (*facts.notes, *collected.inventory.absent):
        remark(f"skoop: {note.what}: {note.why}")


def _collected(snapshot: str, kubeconfig: str, context: str) -> Collected:
    from skoop.cli.live import LiveFlags, live_objects
    from skoop.diagnose.world import World
    from skoop.errors import UsageError
    from skoop.network.base import Collected
    from skoop.network.build import read
    from skoop.snapshot import load

    if snapshot and (kubeconfig or context):
        raise UsageError("--snapshot and a live cluster are two sources; give one of them.")
    if snapshot:
        return read(load(snapshot))
    inventory = live_objects(LiveFlags(kubeconfig, context), settings=True)
    return Collected(inventory, {}, World.of(()), ())


def _rows(facts: ClusterFacts) -> list[dict[str, object]]:
    from skoop.cluster.detect import Cni

    rows = [
        _row("network plugin", facts.cni, facts.cni.value.value, "--network-plugin"),
        _row("proxy mode", facts.proxy_mode, facts.proxy_mode.value.value, "--proxy-mode"),
        _row("pods", facts.pod_cidrs, _ranges(facts.pod_cidrs.value), "--cluster-cidr"),
        _row("Services", facts.service_cidrs, _ranges(facts.service_cidrs.value), "--service-cidr"),
        _row("DNS zone", facts.cluster_domain, facts.cluster_domain.value, "--cluster-domain"),
    ]
    if facts.cni.value in (Cni.FLANNEL, Cni.CANAL):
        backend = facts.flannel.value.backend
        rows.append(_row("flannel backend", facts.flannel, backend, "--flannel-backend"))
    return rows


def _row(name: str, fact: Fact[Any], value: str, flag: str) -> dict[str, object]:
    return {
        "fact": name,
        "value": value,
        "source": fact.source,
        "certain": fact.certain,
        "flag": flag,
    }


def _ranges(prefixes: tuple[Prefix, ...]) -> str:
    return ", ".join(str(each) for each in prefixes)
