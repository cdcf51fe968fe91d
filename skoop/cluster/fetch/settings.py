"""The ConfigMaps that say how the network is set up, and no others.

They are the ones that the DaemonSets of kube-proxy and of network plugins mount or read, so that
names with a hash in them are found too; and the DNS server's, when a name is to be looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Raw

from skoop.cluster.api import ApiClient, At, NotFoundError
from skoop.cluster.api.resource import CONFIG_MAPS
from skoop.cluster.fetch.documents import Lists
from skoop.cluster.fetch.lean import lean_config_map
from skoop.cluster.fetch.lists import list_document, reason
from skoop.cluster.fetch.table import Listed
from skoop.cluster.parallel import in_parallel
from skoop.errors import AccessError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Inventory, Workload
from skoop.model.progress import ListFailed, ListFinished, ListStarted, Observer, ignore

FILE = "configmaps"
_PARALLEL = 4
_LISTED = Listed(resource=CONFIG_MAPS, file=FILE)

_AGENTS = (
    "kube-proxy",
    "kube-flannel",
    "canal",
    "rke2-canal",
    "calico-node",
    "cilium",
    "anetd",
    "antrea-agent",
    "kindnet",
    "kube-router",
    "kube-ovn-cni",
    "terway",
    "weave-net",
    "aws-node",
)
"""Beginnings of names of DaemonSets."""
_PROXY = ("kube-system", "kube-proxy")
_BY_ANNOTATION = {
    "flannel.alpha.coreos.com/": (
        ("kube-flannel", "kube-flannel-cfg"),
        ("kube-system", "kube-flannel-cfg"),
    ),
    "projectcalico.org/": (("kube-system", "calico-config"), ("kube-system", "canal-config")),
}
"""Where they are on most clusters, for agents that run as no DaemonSet one can see."""
DNS = (("kube-system", "coredns"), ("kube-system", "rke2-coredns-rke2-coredns"))
_UNNEEDED = ("kube-root-ca.crt",)
_READ_BY_API = {"cilium": "cilium-config", "anetd": "cilium-config"}
"""What an agent asks the API server for, instead of mounting it."""

Name = tuple[str, str]


def fetch_settings(
    client: ApiClient, names: Iterable[Name], *, observe: Observer = ignore
) -> Lists:
    """ConfigMaps by (namespace, name), as one list. One that is not there is left out; one that is
    forbidden is in `absent`. Raises AccessError when the API server cannot be reached."""
    observe(ListStarted(FILE))
    found = in_parallel(lambda name: _one(client, name), dict.fromkeys(names), _PARALLEL)
    items = [each for each in found if isinstance(each, bytes)]
    absent = tuple(each for each in found if isinstance(each, NotChecked))
    if absent and not items:
        observe(ListFailed(FILE, absent[0].why))
        return Lists(absent=(NotChecked(FILE, absent[0].why),))
    observe(ListFinished(FILE, len(items)))
    return Lists({FILE: list_document(_LISTED, items)}, absent)


def _one(client: ApiClient, name: Name) -> bytes | NotChecked | None:
    try:
        return lean_config_map(Raw(client.get(At(CONFIG_MAPS, *name))))
    except NotFoundError:
        return None
    except AccessError as error:
        return NotChecked(f"ConfigMap {'/'.join(name)}", reason(error))


def needed(inventory: Inventory) -> tuple[Name, ...]:
    """The ConfigMaps to get: those that the network's agents refer to; where no agent is seen,
    those with the usual names."""
    agents = [each for each in inventory.daemon_sets if each.name.startswith(_AGENTS)]
    proxies = [each for each in agents if each.name.startswith("kube-proxy")]
    found = list(_referenced(agents))
    if not proxies:
        found.append(_PROXY)
    if len(agents) == len(proxies):
        found += _by_annotations(inventory)
    return tuple(dict.fromkeys(found))


def _referenced(agents: Iterable[Workload]) -> Iterator[Name]:
    for each in agents:
        read = [name for agent, name in _READ_BY_API.items() if each.name.startswith(agent)]
        for name in (*each.config_maps, *read):
            if name not in _UNNEEDED:
                yield each.namespace, name


def _by_annotations(inventory: Inventory) -> Iterator[Name]:
    keys = {key for node in inventory.nodes for key in node.annotations}
    for beginning, names in _BY_ANNOTATION.items():
        if any(key.startswith(beginning) for key in keys):
            yield from names
