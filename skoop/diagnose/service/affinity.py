"""Session affinity that holds a client to a backend which does not answer.

In nftables mode the node's memory is in sets of kube-proxy's table, one for each endpoint. Those of
iptables mode (xt_recent) are not collected: the kernel prints when it last saw a client in ticks of
a clock that it shows nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

from skoop.diagnose.service.asked import Asked
from skoop.diagnose.story import Row
from skoop.findings import service
from skoop.model.address import format_ip
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Result
from skoop.service.config import ProxyMode
from skoop.service.nftables import NftRules
from skoop.service.nftables.names import AFFINITY, endpoint_of
from skoop.service.plan import plan_node


def held_client(asked: Asked) -> Iterator[Suspicion]:
    """A client that is remembered for one backend of several, and fails there."""
    cluster, question = asked.cluster, asked.question
    if cluster.facts.proxy_mode.value is not ProxyMode.NFTABLES:
        return
    table = cluster.programmed.nftables(asked.node, question.family)
    failing = [row for row in asked.settled.rows if row.result not in (Result.OK, Result.UNKNOWN)]
    if table is None or not failing or len(failing) < len(asked.settled.rows):
        return
    plans = plan_node(
        cluster.inventory, node=asked.node, family=question.family,
        config=cluster.facts.proxy.value, services=(asked.destination.service,),
    )  # fmt: skip
    plan = next((each for each in plans if each.port == asked.destination.port), None)
    if plan is None or not plan.sticky or len(plan.reachable) < 2:
        return
    for endpoint in plan.reachable:
        name = endpoint_of(plan, endpoint, AFFINITY)
        client = _client(table, name, failing, endpoint.address[1])
        if client:
            yield _held(asked, table, name, client, str(endpoint), len(plan.reachable))
            return


def _client(table: NftRules, name: str, failing: list[Row], backend: int) -> str:
    """The address by which a set remembers the client, "" when it does not, or a packet went to
    another backend."""
    if not all(_went_to(row, backend) for row in failing):
        return ""
    sources = {
        format_ip(hop.packet_in.family, hop.packet_in.src)
        for row in failing
        for trace in row.traces[:1]
        for hop in trace.hops
    }
    return next((each for each in sorted(sources) if (each,) in table.sets.get(name, ())), "")


def _went_to(row: Row, backend: int) -> bool:
    return any(hop.packet_out.dst == backend for trace in row.traces[:1] for hop in trace.hops)


def _held(
    asked: Asked, table: NftRules, name: str, client: str, backend: str, count: int
) -> Suspicion:
    owner = asked.destination.service
    family = table.word
    return service.AffinityStale.suspect(
        where=Where("node", asked.node),
        direction=Direction.FORWARD,
        message=f"Session affinity on node {asked.node} holds {client} to {backend}, which does "
        f"not answer it; Service {owner.namespace}/{owner.name} has {count} backends there",
        evidence=(table.evidence(name, f"elements = {{ {client} }}"),),
        blocking=True,
        why="sessionAffinity is ClientIP, and every attempt renews what the node remembers",
        fix=f"nft delete element {family} kube-proxy {name} {{ {client} }}   # on the node",
    )
