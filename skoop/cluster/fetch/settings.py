"""The ConfigMaps that say how the network is set up, and no others.

They are the ones that the DaemonSets of kube-proxy and of network plugins mount or read, so that
names with a hash in them are found too; and the DNS server's, when a name is to be looked up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Raw

from skoop.cluster.api import ApiClient, At, NotFoundError
from skoop.cluster.api.resource import CONFIG_MAPS
from skoop.cluster.fetch.lean import lean_config_map
from skoop.cluster.fetch.lists import Lists, list_document, reason
from skoop.cluster.fetch.table import Listed
from skoop.cluster.parallel import in_parallel
from skoop.errors import AccessError
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Workload
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
_GUESSED = (
    ("kube-system", "kube-proxy"),
    ("kube-flannel", "kube-flannel-cfg"),
    ("kube-system", "kube-flannel-cfg"),
    ("kube-system", "calico-config"),
    ("kube-system", "canal-config"),
)
"""Where they are on most clusters, for when the DaemonSets cannot be listed."""
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


def needed(daemon_sets: Iterable[Workload] | None) -> tuple[Name, ...]:
    """The ConfigMaps to get, by what the network's agents refer to; None: guess."""
    if daemon_sets is None:
        return _GUESSED
    return tuple(dict.fromkeys(_referenced(daemon_sets)))


def _referenced(daemon_sets: Iterable[Workload]) -> Iterator[Name]:
    for each in daemon_sets:
        if each.name.startswith(_AGENTS):
            read = [name for agent, name in _READ_BY_API.items() if each.name.startswith(agent)]
            for name in (*each.config_maps, *read):
                if name not in _UNNEEDED:
                    yield each.namespace, name
