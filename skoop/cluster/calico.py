"""Calico's lists, as files or answers, to its objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from skoop.cluster.decode import calico as decode
from skoop.cluster.decode.items import RefusedError, is_list
from skoop.model.kube.calico import CalicoObjects

GROUPS = ("crd.projectcalico.org", "projectcalico.org")
"""The custom resources themselves, and the aggregated API server over them."""

_T = TypeVar("_T")


def calico_objects(documents: Mapping[str, bytes]) -> CalicoObjects:
    """Read what is there of Calico. Raises InputError for a list that cannot be read; one that is
    missing or refused is not in `known`."""
    known: list[str] = []

    def read(resource: str, decoder: Callable[[bytes, str], _T], empty: _T, *names: str) -> _T:
        for name in (*names, *(f"{resource}.{group}" for group in GROUPS)):
            if name not in documents:
                continue
            try:
                found = decoder(documents[name], name)
            except RefusedError:
                continue
            known.append(resource)
            return found
        return empty

    for plural in ("networkpolicies", "globalnetworkpolicies"):
        names = [f"{plural}.{group}" for group in GROUPS if f"{plural}.{group}" in documents]
        if names and is_list(documents[names[0]]):
            known.append(f"calico {plural}")
    return CalicoObjects(
        pools=read("ippools", decode.decode_pools, (), "ippools"),
        affinities=read("blockaffinities", decode.decode_affinities, (), "blockaffinities"),
        blocks=read("ipamblocks", decode.decode_blocks, (), "ipamblocks"),
        felix=read("felixconfigurations", decode.decode_felix, (), "felixconfigurations"),
        peers=read("bgppeers", decode.decode_peers, (), "bgppeers"),
        mesh=read("bgpconfigurations", decode.decode_mesh, None, "bgpconfigurations"),
        installations=read(
            "installations",
            decode.decode_installations,
            (),
            "installations",
            "installations.operator.tigera.io",
        ),
        # Plain "nodes" are Kubernetes' own.
        nodes=read("nodes", decode.decode_calico_nodes, ()),
        known=tuple(known),
    )
