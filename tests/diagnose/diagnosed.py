"""Whole diagnoses over the hand-made clusters."""

from __future__ import annotations

from typing import Any

from skoop.diagnose.world import Machine
from skoop.model.address import parse_ip, parse_prefix
from skoop.model.diagnosis import Diagnosis
from skoop.model.kube import Condition, Inventory, Node, NodeAddress, Pod, build_inventory
from skoop.model.request import Overrides, Request
from skoop.network.base import Collected
from skoop.network.session import Session
from tests.diagnose.worlds import Spaces, world

PODS = {"a1": (1, 2), "a2": (1, 3), "b1": (2, 2), "b2": (2, 3)}


def inventory() -> Inventory:
    """What the API would say of the clusters in `worlds`."""
    ready = (Condition("Ready", "True"),)
    return build_inventory(
        nodes=[
            Node(
                name=f"k{n}",
                addresses=(NodeAddress("InternalIP", parse_ip(f"172.30.0.{n}")),),
                pod_cidrs=(parse_prefix(f"10.244.{n}.0/24"),),
                ready=True,
                conditions=ready,
            )
            for n in (1, 2)
        ],
        pods=[
            Pod(
                namespace="t",
                name=name,
                node=f"k{node}",
                phase="Running",
                conditions=ready,
                ips=(parse_ip(f"10.244.{node}.{host}"),),
            )
            for name, (node, host) in PODS.items()
        ],
    )


def session(spaces: Spaces, known: Inventory | None = None) -> Session:
    """The cluster, collected; `known` are its API objects if not those of `inventory()`."""
    machines = {
        f"k{n}": Machine(
            f"k{n}",
            spaces[f"node/k{n}"],
            tuple(s for s in spaces.values() if s.id.startswith(f"pod/t/{letter}")),
        )
        for n, letter in ((1, "a"), (2, "b"))
        if f"node/k{n}" in spaces
    }
    return Session(Collected(known or inventory(), machines, world(spaces), ()))


def diagnose(spaces: Spaces, source: str, target: str, port: int = 80, **fields: Any) -> Diagnosis:
    """A question between pods ("a1"), nodes ("k1") and addresses."""
    ends = [
        f"node/{end}" if end in ("k1", "k2") else f"pod/t/{end}" if end in PODS else end
        for end in (source, target)
    ]
    plain = Overrides(network_plugin="kindnet")
    request = Request(src=ends[0], dst=ends[1], port=port, overrides=plain, **fields)
    return session(spaces).diagnose(request)
