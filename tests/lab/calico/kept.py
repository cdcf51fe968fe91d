"""Rounds in IPv6 that are kept for machines without root; `python -m tests.lab.calico.kept` writes
them anew. Without its fault every question of theirs is answered."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tests.lab.faults import find
from tests.lab.generate import standard
from tests.lab.queries import Query
from tests.lab.recorded import FOLDER, record
from tests.lab.round import Round, aim
from tests.lab.topology import Calico, Cluster, Pool

FAULTS = (
    "v6-calico-neighbours-not-asked",
    "v6-calico-card-hears-no-icmp",
    "v6-calico-pod-gateway-gone",
    "v6-calico-pod-gateway-wrong",
    "v6-calico-veth-off",
    "v6-calico-tunnel-flapped",
    "v6-calico-tunnel-senders-unknown",
    "v6-calico-dispatch-lost",
    "v6-pod-input-policy-drop",
    "calico-veth-down",
    "node-ipv6-disabled",
    "v6-local-table-capture",
)
_FIRST = 920
_MIXED = Calico(six=Pool("vxlan", cross=True))


def rounds() -> Iterator[Round]:
    """One for each fault, alternately in a cluster of IPv6 alone and of both."""
    for number, name in enumerate(FAULTS):
        alone = number % 2 == 0
        cluster = standard(
            subnets=(0, 0, 1), dual_stack=not alone, ipv6_only=alone, calico=_MIXED,
            iptables=("legacy", "nft")[number // 2 % 2],
        )  # fmt: skip
        drawn = aim(find(name), cluster, random.Random(number))
        assert drawn is not None, name
        yield Round(
            seed=_FIRST + number, cluster=cluster, injections=(drawn,), queries=_asked(cluster)
        )


def _asked(cluster: Cluster) -> tuple[Query, ...]:
    """From a pod of each node, and each node, to every pod."""
    sources = [cluster.pods_on(node.name)[0].id for node in cluster.nodes]
    sources += [node.id for node in cluster.nodes]
    pods = [pod for pod in cluster.pods if not pod.host_network]
    pairs = [(src, pod) for src in sources for pod in pods if src != pod.id]
    return tuple(
        Query(id=f"q{n}", src=src, dst=pod.ip6, port=8080) for n, (src, pod) in enumerate(pairs, 1)
    )


def path_of(played: Round, folder: Path = FOLDER) -> Path:
    """The file of a round."""
    names = "-and-".join(each.fault for each in played.injections)
    return folder / f"seed-{played.seed}-{names}.tar.gz"


if __name__ == "__main__":
    for each in rounds():
        print(record(each, FOLDER), flush=True)
