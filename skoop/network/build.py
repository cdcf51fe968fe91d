"""The one place where a network is wired: from a snapshot's files to something that answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from skoop.cluster.detect import detect
from skoop.cluster.inventory import from_documents
from skoop.diagnose.advertised import Advertised
from skoop.diagnose.cluster import Cluster, Expected, Programmed
from skoop.diagnose.diagnostor import Diagnostor
from skoop.diagnose.flight import Flight
from skoop.diagnose.policy.declared import Declared
from skoop.diagnose.underlay import Underlay
from skoop.diagnose.world import Machine, World
from skoop.errors import InputError, SnapshotError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Address, Inventory
from skoop.netstack.dump import ReadCache
from skoop.netstack.state import Namespace
from skoop.network.base import Collected, Context, InfraShim, Network
from skoop.plugin.base import ClusterView
from skoop.plugin.table import fallback, plugin_for
from skoop.snapshot import NodeDocument, Snapshot, namespaces, proxy_mode


def read(snapshot: Snapshot) -> Collected:
    """Parse every file. Raises SnapshotError or InputError, which name file and field."""
    inventory = _inventory(snapshot)
    notes = [NotChecked("the snapshot", warning) for warning in snapshot.warnings]
    notes += [NotChecked(each.what, each.why) for each in snapshot.manifest.left_out]
    reader = NodeReader()
    for name in sorted(snapshot.nodes):
        reader.add(snapshot.nodes[name])
    notes += [*reader.notes, *_missing_nodes(inventory, reader.machines)]
    return collected(inventory, reader, notes)


class NodeReader:
    """Nodes' documents as machines; equal texts are read once, whichever node they are from."""

    def __init__(self) -> None:
        self.machines: dict[str, Machine] = {}
        self.notes: list[NotChecked] = []
        self._cache = ReadCache()

    def add(self, document: NodeDocument) -> None:
        """Read one more. Raises InputError."""
        name = document.node
        self.notes += [NotChecked(f"node {name}", note) for note in document.notes]
        machine = _machine(document, self._cache)
        if machine is None:
            self.notes.append(NotChecked(f"node {name}", "its own network namespace is not there"))
        else:
            self.machines[name] = machine


def collected(inventory: Inventory, reader: NodeReader, notes: Iterable[NotChecked]) -> Collected:
    """Objects and machines together."""
    machines = dict(reader.machines)
    return Collected(inventory, machines, World.of(machines.values()), tuple(notes))


def _inventory(snapshot: Snapshot) -> Inventory:
    try:
        return from_documents(snapshot.cluster)
    except InputError as error:
        resource, _, problem = str(error).partition(":")
        raise SnapshotError(f"cluster/{resource}.json:{problem}") from error


def _machine(document: NodeDocument, cache: ReadCache) -> Machine | None:
    host: Namespace | None = None
    pods: list[Namespace] = []
    for namespace in namespaces(document, cache=cache):
        if namespace.id == f"node/{document.node}":
            host = namespace
        else:
            pods.append(namespace)
    if host is None:
        return None
    return Machine(document.node, host, tuple(pods), proxy_mode(document))


def _missing_nodes(inventory: Inventory, machines: Mapping[str, Machine]) -> list[NotChecked]:
    return [
        NotChecked(f"node {node.name}", "its network state was not collected")
        for node in inventory.nodes
        if node.name not in machines
    ]


def _claimed(collected: Collected) -> dict[Address, str]:
    """The InternalIPs of nodes whose state was collected."""
    return {
        address: node.name
        for node in collected.inventory.nodes
        if node.name in collected.machines
        for address in node.internal_ips
    }


def build_network(context: Context, infra: InfraShim) -> Network:
    """Detect, choose the plugin, and wire. Raises UsageError for a bad override."""
    collected = context.collected
    hosts = {name: machine.host for name, machine in collected.machines.items()}
    said = {name: each.proxy_mode for name, each in collected.machines.items() if each.proxy_mode}
    facts = detect(collected.inventory, hosts, proxies=said, overrides=context.overrides)
    plugin = plugin_for(facts.cni.value)
    pods = {pod.id: pod for machine in collected.machines.values() for pod in machine.pods}
    view = ClusterView(collected.inventory, facts, hosts, pods)
    cluster = Cluster(
        inventory=collected.inventory,
        facts=facts,
        machines=collected.machines,
        world=collected.world,
        expected=Expected(plugin, view),
        programmed=Programmed(collected.machines),
        declared=Declared(collected.inventory, facts, hosts.values()),
        notes=(
            *collected.notes,
            *facts.notes,
            *collected.inventory.absent,
            *fallback(facts.cni),
        ),
    )
    unroutable = plugin.unroutable(view)
    claimed = _claimed(collected)
    networks = plugin.advertised(view)

    def underlay(world: World) -> Underlay:
        plain = infra.underlay(world, unroutable, claimed)
        return Advertised(plain, world, networks) if networks else plain

    flight = Flight(collected.world, underlay)
    return Network(cluster, plugin, infra, Diagnostor(cluster, flight))
