"""How Calico is set up: its own resources first, then the operator's wish, then the manifest.

Felix takes a setting from its environment, else from the FelixConfiguration of its node, else from
the one called "default" (docs.tigera.io/calico/latest/reference/felix/configuration).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from msgspec import structs

from skoop.cluster.decode.calico import tunnelling
from skoop.cluster.decode.values import FieldError, prefix
from skoop.cluster.detect.calico_facts import CalicoConfig, FelixSettings
from skoop.cluster.detect.facts import UNKNOWN_SOURCE, Fact
from skoop.model.diagnosis import NotChecked
from skoop.model.kube import Container, Inventory, Workload
from skoop.model.kube.calico import IpPool, Tunnelling

_AGENTS = ("calico-node", "canal")
_HOST_LOCAL = re.compile(r'"type"\s*:\s*"host-local"')
_DEFAULT_POOL = {"CALICO_IPV4POOL": "192.168.0.0/16"}
"""What calico-node makes when nobody names a range; for IPv6 a random one (node/pkg/startup)."""


def detect_calico(
    inventory: Inventory,
) -> tuple[Fact[CalicoConfig], tuple[NotChecked, ...]]:
    """Calico's configuration. `certain` is false when no IPPool list tells the ranges."""
    environment, source = _environment(inventory)
    notes: list[NotChecked] = []
    settings = _settings(inventory, environment, notes)
    config_map = _config_map(inventory)
    pools, pool_source = _pools(inventory, environment, source, notes)
    installed = next(iter(inventory.calico.installations), None)
    config = CalicoConfig(
        pools=pools,
        felix=settings[""],
        overrides={name: each for name, each in settings.items() if name},
        backend=environment.get(
            "CALICO_NETWORKING_BACKEND", config_map.get("calico_backend", "bird")
        ),
        host_local=bool(_HOST_LOCAL.search(config_map.get("cni_network_config", ""))),
        dataplane=installed.dataplane if installed else "",
        mesh=inventory.calico.mesh is not False,
    )
    certain = "ippools" in inventory.calico.known
    return Fact(config, pool_source, certain), tuple(notes)


def _agents(inventory: Inventory) -> Iterator[tuple[Workload, Container]]:
    for each in inventory.daemon_sets:
        for container in each.containers:
            if each.name.startswith(_AGENTS) and container.name == "calico-node":
                yield each, container


def _environment(inventory: Inventory) -> tuple[Mapping[str, str], str]:
    for workload, container in _agents(inventory):
        return container.env, f"environment of DaemonSet {workload.namespace}/{workload.name}"
    return {}, UNKNOWN_SOURCE


def _config_map(inventory: Inventory) -> Mapping[str, str]:
    for each in inventory.config_maps:
        if each.name in ("calico-config", "canal-config"):
            return each.data
    return {}


def _settings(
    inventory: Inventory, environment: Mapping[str, str], notes: list[NotChecked]
) -> dict[str, FelixSettings]:
    """Settings by node, "" for all nodes without their own."""
    own = {
        key.removeprefix("FELIX_").lower(): value
        for key, value in environment.items()
        if key.startswith("FELIX_")
    }
    layers = {
        each.name: {key.lower(): value for key, value in each.settings.items()}
        for each in inventory.calico.felix
    }
    shared = layers.get("default", {})
    found = {"": _felix(shared | own, "Felix", notes)}
    for name, layer in layers.items():
        if name.startswith("node."):
            source = f"FelixConfiguration {name}"
            found[name.removeprefix("node.")] = _felix(shared | layer | own, source, notes)
    return found


def _felix(values: Mapping[str, str], source: str, notes: list[NotChecked]) -> FelixSettings:
    """Known settings; one that cannot be read has Felix' default, as Felix itself does it."""
    default = FelixSettings()

    def number(name: str, otherwise: int) -> int:
        text = values.get(name, "")
        if not text:
            return otherwise
        try:
            return int(text, 0)
        except ValueError:
            notes.append(NotChecked(f"{name} of {source}", f"{text[:40]!r} is not a number"))
            return otherwise

    prefixes = tuple(each for each in values.get("interfaceprefix", "").split(",") if each)
    return FelixSettings(
        interface_prefixes=prefixes or default.interface_prefixes,
        bpf=_on(values.get("bpfenabled", "")),
        nftables=values.get("nftablesmode", "").lower() or default.nftables,
        wireguard=_on(values.get("wireguardenabled", "")),
        vxlan_vni=number("vxlanvni", default.vxlan_vni),
        vxlan_port=number("vxlanport", default.vxlan_port),
        vxlan_mtu=number("vxlanmtu", 0),
        ipip_mtu=number("ipipmtu", number("ipinipmtu", 0)),
        mark_mask=number("iptablesmarkmask", default.mark_mask),
        to_host=values.get("defaultendpointtohostaction", default.to_host).upper(),
    )


def _on(text: str) -> bool:
    return text.lower() in ("true", "1", "yes", "y", "t")


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _pools(
    inventory: Inventory, environment: Mapping[str, str], source: str, notes: list[NotChecked]
) -> tuple[tuple[IpPool, ...], str]:
    calico = inventory.calico
    if "ippools" in calico.known:
        return calico.pools, "IPPools"
    wished = tuple(pool for each in calico.installations for pool in each.pools)
    if wished:
        return wished, "Installation of the operator"
    found = []
    for name in ("CALICO_IPV4POOL", "CALICO_IPV6POOL"):
        try:
            pool = _pool_of(name, environment)
        except FieldError as error:
            notes.append(NotChecked(source, str(error)))
            continue
        found += [pool] if pool else []
    return tuple(found), source if found else UNKNOWN_SOURCE


def _pool_of(name: str, environment: Mapping[str, str]) -> IpPool | None:
    """The pool that calico-node makes at its first start."""
    told = any(key.startswith(f"{name}_") for key in environment)
    cidr = environment.get(f"{name}_CIDR", _DEFAULT_POOL.get(name, "") if told else "")
    if not cidr:
        return None
    parsed = prefix(cidr, f"{name}_CIDR")
    size = _number(environment.get(f"{name}_BLOCK_SIZE", ""))
    pool = IpPool(
        name=f"{name}_CIDR",
        cidr=parsed,
        ipip=tunnelling(environment.get(f"{name}_IPIP", ""), f"{name}_IPIP"),
        vxlan=tunnelling(environment.get(f"{name}_VXLAN", ""), f"{name}_VXLAN"),
        nat_outgoing=_on(
            environment.get(f"{name}_NAT_OUTGOING", "true" if parsed.family.value == 4 else "")
        ),
        block_size=size or (26 if parsed.family.value == 4 else 122),
    )
    if pool.vxlan is not Tunnelling.NEVER:
        return structs.replace(pool, ipip=Tunnelling.NEVER)
    return pool
