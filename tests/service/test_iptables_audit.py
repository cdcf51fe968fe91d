from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from skoop.model.address import Family, parse_ip
from skoop.model.kube import build_inventory
from skoop.netstack.iptables.parse import parse
from skoop.service import ServiceEndpoint
from skoop.service.iptables import (
    Difference,
    DifferenceKind,
    PortPlan,
    audit,
    endpoint_chain,
    plan_node,
    service_chain,
)

SOURCE = "iptables-legacy on k1"


def plans(recorded: Any, node: str = "k1") -> tuple[PortPlan, ...]:
    return plan_node(recorded.inventory, node=node, family=Family.V4, config=recorded.config)


def differences(recorded: Any, text: str, node: str = "k1") -> tuple[Difference, ...]:
    return audit(plans(recorded, node), parse(text, SOURCE))


@pytest.mark.parametrize("node", ["k1", "k2", "k3"])
def test_a_healthy_cluster_has_no_differences(recorded: Any, node: str) -> None:
    assert differences(recorded, recorded.rules[node], node) == ()


def test_chain_names_are_kube_proxys(recorded: Any) -> None:
    service = recorded.inventory.service("shop", "web")
    http = service.ports[0]
    endpoint = ServiceEndpoint(address=parse_ip("10.244.1.2"), port=8080)
    rules = recorded.rules["k1"]
    name = service_chain("KUBE-SVC-", service, http)
    assert f'"shop/web:http cluster IP" -m tcp --dport 80 -j {name}' in rules
    chain = endpoint_chain(service, http, endpoint)
    assert f'-A {chain} -s 10.244.1.2/32 -m comment --comment "shop/web:http" -j KUBE-MARK' in rules


FAULTS = {
    "first rule of PREROUTING": (
        r"-A PREROUTING .*KUBE-SERVICES", "", DifferenceKind.HOOK_MISSING, "",
    ),
    "jump from OUTPUT": (
        r"-A OUTPUT -m comment .*-j KUBE-SERVICES", "", DifferenceKind.HOOK_MISSING, "",
    ),
    "NodePorts": (r"-A KUBE-SERVICES .*-j KUBE-NODEPORTS", "", DifferenceKind.HOOK_MISSING, ""),
    "masquerading": (
        r"-A KUBE-POSTROUTING .*MASQUERADE.*", "", DifferenceKind.MASQUERADE_MISSING, "",
    ),
    "guard of masquerading": (
        r"-A KUBE-POSTROUTING .*RETURN", "", DifferenceKind.MASQUERADE_TOO_MUCH, "",
    ),
    "acceptance of marks": (
        r"-A KUBE-FORWARD .*--mark .*ACCEPT", "", DifferenceKind.ACCEPT_MISSING, "",
    ),
    "marking": (r"-A KUBE-MARK-MASQ .*", "", DifferenceKind.MARK_MISSING, ""),
    "entry": (
        r'-A KUBE-SERVICES .*"shop/web:http cluster IP".*', "", DifferenceKind.ENTRY_MISSING,
        "shop/web:http",
    ),
    "entry elsewhere": (
        r'(-A KUBE-SERVICES .*"shop/web:http cluster IP".*-j ).*', r"\1KUBE-SVC-ELSEWHERE",
        DifferenceKind.WRONG_CHAIN, "shop/web:http",
    ),
    "NodePort": (
        r'-A KUBE-NODEPORTS .*"shop/web-np:http".*', "", DifferenceKind.NODE_PORT_MISSING,
        "shop/web-np:http",
    ),
    "DNAT elsewhere": (
        r'(-A KUBE-SEP-.*"shop/web:http".*--to-destination )10.244.1.2:8080', r"\g<1>10.9.9.9:8080",
        DifferenceKind.WRONG_DNAT, "shop/web:http",
    ),
    "DNAT": (
        r'-A KUBE-SEP-.*"shop/web:http".*--to-destination 10.244.1.2:8080', "",
        DifferenceKind.SEP_MISSING, "shop/web:http",
    ),
    "hairpin": (
        r'-A KUBE-SEP-\S+ -s 10.244.1.2/32 .*"shop/web:http" -j KUBE-MARK-MASQ', "",
        DifferenceKind.HAIRPIN_MASQ_MISSING, "shop/web:http",
    ),
    "mark of the ClusterIP": (
        r'-A KUBE-SVC-.*"shop/web:http cluster IP".*-j KUBE-MARK-MASQ', "",
        DifferenceKind.MARK_MASQ_MISSING, "shop/web:http",
    ),
    "mark of the outside": (
        r'-A KUBE-EXT-.*"masquerade traffic for shop/web-np:http external.*', "",
        DifferenceKind.MARK_MASQ_MISSING, "shop/web-np:http",
    ),
    "short circuit of pods": (
        r'-A KUBE-EXT-.*"pod traffic for billing/ledger-np:tls external.*', "",
        DifferenceKind.SHORT_CIRCUIT_MISSING, "billing/ledger-np:tls",
    ),
    "short circuit of the node": (
        r'-A KUBE-EXT-.*"route LOCAL traffic for billing/ledger-np:tls external.*', "",
        DifferenceKind.SHORT_CIRCUIT_MISSING, "billing/ledger-np:tls",
    ),
    "one endpoint": (
        r'-A KUBE-SVC-.*"shop/web:http -> 10.244.1.2:8080".*', "",
        DifferenceKind.ENDPOINT_MISSING, "shop/web:http",
    ),
    "all endpoints": (
        r'-A KUBE-SVC-.*"shop/web:http -> .*', "", DifferenceKind.CHAIN_EMPTY, "shop/web:http",
    ),
    "reject": (
        r'-A KUBE-SERVICES .*"shop/web-badname:http has no endpoints".*', "",
        DifferenceKind.REJECT_MISSING, "shop/web-badname:http",
    ),
    "source range": (
        r'-A KUBE-FW-\S+ -s 172.30.0.250/32 .*"shop/web-lb:http.*', "",
        DifferenceKind.SOURCE_RANGE_WRONG, "shop/web-lb:http",
    ),
    "firewall": (
        r'-A KUBE-PROXY-FIREWALL .*"shop/web-lb:http.*', "",
        DifferenceKind.SOURCE_RANGE_WRONG, "shop/web-lb:http",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("pattern", "replacement", "kind", "service"), FAULTS.values(), ids=FAULTS)
def test_faults(
    recorded: Any, pattern: str, replacement: str, kind: DifferenceKind, service: str
) -> None:
    text, count = re.subn(f"^{pattern}$", replacement, recorded.rules["k1"], flags=re.MULTILINE)
    assert count
    found = differences(recorded, text)
    assert {(each.kind, each.service) for each in found} == {(kind, service)}
    assert all(each.evidence and each.message for each in found)


def test_a_stale_endpoint_and_a_stale_reject(recorded: Any) -> None:
    """The API has one pod less, or one Service more with endpoints, than the rules know."""
    inventory = recorded.inventory
    slices = [
        structs.replace(each, endpoints=each.endpoints[1:]) if each.service == "api" else each
        for each in inventory.endpoint_slices
    ]
    now = build_inventory(
        nodes=inventory.nodes, services=inventory.services, endpoint_slices=slices
    )
    expected = plan_node(now, node="k1", family=Family.V4, config=recorded.config)
    found = audit(expected, parse(recorded.rules["k1"], SOURCE))
    assert {each.kind for each in found} == {DifferenceKind.ENDPOINT_STALE}
    assert all(each.service.startswith("shop/api") for each in found)
    assert "--to-destination" in found[0].evidence[1].text
    grown = [
        structs.replace(each, service="web-badname") if each.service == "web" else each
        for each in inventory.endpoint_slices
    ]
    now = build_inventory(nodes=inventory.nodes, services=inventory.services, endpoint_slices=grown)
    expected = plan_node(
        now,
        node="k1",
        family=Family.V4,
        config=recorded.config,
        services=[service for service in now.services if service.name == "web-badname"],
    )
    kinds = {each.kind for each in audit(expected, parse(recorded.rules["k1"], SOURCE))}
    assert DifferenceKind.REJECT_STALE in kinds
    assert DifferenceKind.ENTRY_MISSING in kinds


def test_a_service_that_lost_its_endpoints(recorded: Any) -> None:
    inventory = recorded.inventory
    slices = [each for each in inventory.endpoint_slices if each.service != "api"]
    now = build_inventory(
        nodes=inventory.nodes, services=inventory.services, endpoint_slices=slices
    )
    expected = plan_node(now, node="k1", family=Family.V4, config=recorded.config)
    found = audit(expected, parse(recorded.rules["k1"], SOURCE))
    assert {each.kind for each in found} == {
        DifferenceKind.ENTRY_STALE,
        DifferenceKind.REJECT_MISSING,
    }


def test_older_kube_proxies_are_audited_for_cluster_ips_only(recorded: Any) -> None:
    """Before 1.26 there was no KUBE-PROXY-FIREWALL, and other chains for outside addresses."""
    lines = [
        line
        for line in recorded.rules["k1"].splitlines()
        if not re.search("KUBE-PROXY-FIREWALL|KUBE-EXT-|KUBE-FW-", line)
    ]
    assert differences(recorded, "\n".join(lines)) == ()
    without = [line for line in lines if '"shop/web:http cluster IP"' not in line]
    assert {each.kind for each in differences(recorded, "\n".join(without))} == {
        DifferenceKind.ENTRY_MISSING,
        DifferenceKind.MARK_MASQ_MISSING,
    }


@pytest.mark.parametrize("text", ["", "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"])
def test_no_rules_at_all_is_one_difference(recorded: Any, text: str) -> None:
    (found,) = differences(recorded, text)
    assert found.kind is DifferenceKind.NO_RULES


def test_rules_that_kube_proxys_own_tests_expect() -> None:
    """Every ruleset of tests/data/kube-proxy-flows fits the objects it was made from."""
    flows = _flows_module()
    path = Path(__file__).parent.parent / "data" / "kube-proxy-flows" / "iptables.jsonl.gz"
    with gzip.open(path, "rt") as lines:
        records = [json.loads(line) for line in lines]
    for record in records:
        inventory = flows.inventory(record)
        expected = plan_node(
            inventory,
            node="test-node",
            family=Family.V4,
            config=flows.ProxyConfig(cluster_cidrs=(flows.CLUSTER,)),
        )
        for form in ("rules_iptables_legacy", "rules_iptables_nft", "rules_fake"):
            assert audit(expected, parse(record[form], record["id"])) == (), record["id"]
    assert len(records) > 5


def _flows_module() -> Any:
    import importlib.util

    path = Path(__file__).parent / "test_flows.py"
    spec = importlib.util.spec_from_file_location("kube_proxy_flows", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@given(data=st.data())
@settings(max_examples=40)
def test_any_lost_rule_of_a_service_chain_is_seen(recorded: Any, data: st.DataObject) -> None:
    """Session affinity is the exception: kube-proxy's `recent` rules only prefer an endpoint."""
    lines = recorded.rules["k1"].splitlines()
    audited = [
        number
        for number, line in enumerate(lines)
        if re.match(r"-A KUBE-(SVC|SVL|EXT|SEP|MARK-MASQ|SERVICES)", line) and "rcheck" not in line
    ]
    lost = data.draw(st.sampled_from(audited))
    text = "\n".join(line for number, line in enumerate(lines) if number != lost)
    assert differences(recorded, text), lines[lost]
