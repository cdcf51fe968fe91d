"""A Service of two endpoints in the form that kube-proxy wrote up to 1.35."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from skoop.model.address import Family, parse_ip, parse_prefix
from skoop.model.kube import (
    EndpointPort,
    EndpointSlice,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.service import ProxyConfig, ProxyMode
from skoop.service.plan import plan_node

_RECORDS = Path(__file__).parent.parent / "data" / "kube-proxy-flows" / "nftables.jsonl.gz"


def _table() -> str:
    with gzip.open(_RECORDS, "rt") as lines:
        record = json.loads(next(lines))
    assert record["test"] == "TestTracePacketV6"
    return str(record["rules_nft_list"])


TABLE = _table()
PLANS = plan_node(
    build_inventory(
        services=[
            Service(
                namespace="ns1",
                name="svc1",
                type="NodePort",
                cluster_ips=(parse_ip("fd00:172:30::41"),),
                ports=(ServicePort(80, "TCP", "p80", 80, 3001),),
            )
        ],
        endpoint_slices=[
            EndpointSlice(
                namespace="ns1",
                name="svc1-a",
                service="svc1",
                address_type="IPv6",
                ports=(EndpointPort(80, "p80", "TCP"),),
                endpoints=tuple(
                    SliceEndpoint(addresses=(parse_ip(ip),))
                    for ip in ("fd00:10:180::1", "fd00:10:180::2:1")
                ),
            )
        ],
    ),
    node="n1",
    family=Family.V6,
    config=ProxyConfig(mode=ProxyMode.NFTABLES, cluster_cidrs=(parse_prefix("fd00:10::/64"),)),
)
