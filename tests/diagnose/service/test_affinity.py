"""A client that nftables mode remembers for one backend (the lab's fault `affinity-held` asks the
kernel the same)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skoop.model.address import Family, parse_ip
from skoop.model.diagnosis import Diagnosis, Suspicion
from skoop.model.disposition import Verdict
from skoop.model.kube import (
    EndpointPort,
    EndpointSlice,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.model.request import Overrides, Request
from skoop.service.config import ProxyConfig, ProxyMode
from skoop.service.nftables.names import AFFINITY, endpoint_of
from skoop.service.plan import plan_node
from tests.diagnose.diagnosed import inventory, session
from tests.diagnose.worlds import A1, A2, B1, B2, change, cluster, with_rules
from tests.netstack.builders import nft

VIP = "10.96.0.9"
STICKY = Service(
    namespace="t", name="web", cluster_ips=(parse_ip(VIP),), ip_families=(Family.V4,),
    ports=(ServicePort(80, target_port=80),), session_affinity="ClientIP",
)  # fmt: skip


def asked(
    *remembered: str, listening: tuple[str, ...] = ("b2",), service: Service = STICKY,
    backends: tuple[tuple[str, str], ...] = (("b1", B1), ("b2", B2)),
) -> Diagnosis:  # fmt: skip
    """Pod a1 asks the Service; the node remembers clients for the first backend."""
    listed = EndpointSlice(
        namespace="t", name="web-1", service="web", ports=(EndpointPort(80),),
        endpoints=tuple(
            SliceEndpoint(addresses=(parse_ip(ip),), target=("Pod", "t", name))
            for name, ip in backends
        ),
    )  # fmt: skip
    made = inventory()
    full = build_inventory(
        nodes=made.nodes, pods=made.pods, services=[service], endpoint_slices=[listed]
    )
    (plan,) = plan_node(
        full, node="k1", family=Family.V4, config=ProxyConfig(mode=ProxyMode.NFTABLES)
    )
    known = [endpoint_of(plan, each, AFFINITY) for each in plan.reachable]
    elements = f"elements = {{ {', '.join(remembered)} }}" if remembered else ""
    sets = "\n".join(
        f"set {name} {{ type ipv4_addr; flags dynamic,timeout; timeout 3h; "
        f"{elements if number == 0 else ''} }}"
        for number, name in enumerate(known)
    )
    lines = "\n".join(f"ip saddr @{name} goto e{number}" for number, name in enumerate(known))
    pairs = ", ".join(f"{number} : goto e{number}" for number in range(len(known)))
    chains = "\n".join(
        f"chain e{number} {{ meta l4proto tcp dnat to {each} }}"
        for number, each in enumerate(plan.reachable)
    )
    table = f"""table ip kube-proxy {{
        {sets}
        {chains}
        chain web {{
            {lines}
            numgen random mod {len(known)} vmap {{ {pairs} }}
        }}
        chain nat-prerouting {{
            type nat hook prerouting priority -100;
            ip daddr {VIP} tcp dport 80 goto web
        }}
    }}"""
    spaces = change(cluster(), "node/k1", with_rules(replace(nft(table), engine="nft", text=table)))
    for name in {"b1", "b2"} - set(listening):
        spaces = change(spaces, f"pod/t/{name}", sockets=())
    plain = Overrides(network_plugin="kindnet", proxy_mode="nftables")
    request = Request(src="pod/t/a1", dst="svc/t/web", port=80, overrides=plain)
    return session(spaces, full).diagnose(request)


def told(made: Diagnosis) -> list[Suspicion]:
    return [each for each in made.suspicions if each.name == "affinity-stale"]


def test_a_client_held_to_a_backend_that_does_not_answer() -> None:
    made = asked(A1)
    (found,) = told(made)
    assert made.verdict is Verdict.UNREACHABLE
    assert (found.where.name, found.blocking) == ("k1", True)
    assert f"holds {A1} to {B1}:80" in found.message
    assert A1 in found.evidence[0].text


def test_elements_with_their_time() -> None:
    assert told(asked(f"{A1} timeout 3h expires 2h59m"))


CASES = {
    "another client is held": ((A2,), {}),
    "nobody is": ((), {}),
    "the backend answers": ((A1,), {"listening": ("b1", "b2")}),
    "there is no other backend": ((A1,), {"backends": (("b1", B1),)}),
    "the Service asks for none": ((A1,), {"service": replace(STICKY, session_affinity="None")}),
}


@pytest.mark.parametrize(("remembered", "fields"), CASES.values(), ids=CASES.keys())
def test_affinity_that_is_not_to_blame(
    remembered: tuple[str, ...], fields: dict[str, object]
) -> None:
    assert not told(asked(*remembered, **fields))  # type: ignore[arg-type]
