"""Snapshots that contradict themselves, or tell of networks that cannot be.

Each is a change to a good snapshot. What a diagnosis then says is judged by test_bad_input.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.scenarios.broken import Files, dump, edit, items, named, output, rules

Change = Callable[[Files], None]


def _set_link(name: str, **values: object) -> Callable[[Any], None]:
    def change(links: Any) -> None:
        next(link for link in links if link["ifname"] == name).update(values)

    return change


def _veth(links: Any) -> Any:
    return next(link for link in links if link["ifname"].startswith("veth"))


def _add(*entries: object) -> Callable[[Any], None]:
    return lambda found: found.extend(entries)


def pod_address_twice(files: Files) -> None:
    cli, cli3 = named(files, "pods", "cli"), named(files, "pods", "cli3")
    cli3["status"]["podIP"] = cli["status"]["podIP"]
    cli3["status"]["podIPs"] = cli["status"]["podIPs"]


def pod_twice(files: Files) -> None:
    items(files, "pods").append(named(files, "pods", "cli"))


def pod_on_a_node_that_is_not(files: Files) -> None:
    named(files, "pods", "cli")["spec"]["nodeName"] = "k9"


def pod_moved(files: Files) -> None:
    named(files, "pods", "cli")["spec"]["nodeName"] = "k2"


def node_without_addresses(files: Files) -> None:
    named(files, "nodes", "k1")["status"]["addresses"] = []


def nodes_with_one_address(files: Files) -> None:
    for node in items(files, "nodes"):
        node["status"]["addresses"] = [{"type": "InternalIP", "address": "172.30.0.11"}]


def one_pod_cidr_for_all(files: Files) -> None:
    for node in items(files, "nodes"):
        node["spec"] = {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}


def backends_nobody_has(files: Files) -> None:
    for each in items(files, "endpointslices.discovery.k8s.io"):
        for endpoint in each.get("endpoints") or ():
            endpoint["addresses"] = ["10.244.77.77", "not-an-address", "fd00::1"]


def service_with_a_pods_address(files: Files) -> None:
    address = named(files, "pods", "cli")["status"]["podIP"]
    named(files, "services", "web")["spec"].update(clusterIP=address, clusterIPs=[address])


def service_ports_gone(files: Files) -> None:
    named(files, "services", "web")["spec"]["ports"] = []


def source_node_not_collected(files: Files) -> None:
    del files["nodes/k1.json"]


def destination_node_not_collected(files: Files) -> None:
    del files["nodes/k3.json"]


def no_node_collected(files: Files) -> None:
    for node in ("k1", "k2", "k3"):
        del files[f"nodes/{node}.json"]


def source_pod_not_collected(files: Files) -> None:
    document = files["nodes/k1.json"]
    document["namespaces"].remove(dump(files, "k1", "cli"))


def host_not_collected(files: Files) -> None:
    document = files["nodes/k1.json"]
    document["namespaces"].remove(dump(files, "k1"))


def nothing_collected_in_it(files: Files) -> None:
    dump(files, "k1")["outputs"] = {}


def every_command_failed(files: Files) -> None:
    for each in dump(files, "k1")["outputs"].values():
        each.update(stdout="", rc=127, stderr="not found")


def every_output_is_garbage(files: Files) -> None:
    for each in dump(files, "k1")["outputs"].values():
        each["stdout"] = '[{"\u0000": ]\n-A \xff'


def all_namespaces_one_inode(files: Files) -> None:
    for node in ("k1", "k2", "k3"):
        for each in files[f"nodes/{node}.json"]["namespaces"]:
            each["inode"] = 4026531840


def nsids_lead_home(files: Files) -> None:
    host = dump(files, "k1")
    host["nsids"] = [[number, host["inode"]] for number in range(10)]


def veth_is_its_own_peer(files: Files) -> None:
    def change(links: Any) -> None:
        for link in links:
            if link["ifname"].startswith("veth"):
                link.update(link_index=link["ifindex"])
                link.pop("link_netnsid", None)

    edit(files, "ip -j -d link", change)


def veths_in_a_ring(files: Files) -> None:
    def change(links: Any) -> None:
        ring = [link for link in links if link["ifname"].startswith("veth")]
        for link, other in zip(ring, [*ring[1:], ring[0]], strict=True):
            link.update(link_index=other["ifindex"])
            link.pop("link_netnsid", None)

    edit(files, "ip -j -d link", change)


def bridge_in_itself(files: Files) -> None:
    edit(files, "ip -j -d link", _set_link("cni0", master="cni0"))


def bridges_in_each_other(files: Files) -> None:
    def change(links: Any) -> None:
        bridge = next(link for link in links if link["ifname"] == "cni0")
        bridge["master"] = "cni1"
        links.append({**bridge, "ifname": "cni1", "ifindex": 99, "master": "cni0"})

    edit(files, "ip -j -d link", change)


def master_that_is_not(files: Files) -> None:
    edit(files, "ip -j -d link", lambda links: _veth(links).update(master="nowhere"))


def port_of_the_tunnel(files: Files) -> None:
    edit(files, "ip -j -d link", lambda links: _veth(links).update(master="flannel.1"))


def tunnel_over_itself(files: Files) -> None:
    def change(links: Any) -> None:
        tunnel = next(link for link in links if link["ifname"] == "flannel.1")
        tunnel["linkinfo"]["info_data"].update(link="flannel.1", local="10.244.1.0")

    edit(files, "ip -j -d link", change)
    edit(
        files,
        "bridge -j fdb",
        lambda found: [
            {**each, "dst": "10.244.2.0"} if each.get("dst") else each for each in found
        ],
    )
    remote = {
        "mac": "02:42:0a:f4:02:00", "ifname": "flannel.1", "dst": "10.244.2.0", "flags": ["self"],
        "state": "permanent",
    }  # fmt: skip
    edit(files, "bridge -j fdb", _add(remote))


def link_twice(files: Files) -> None:
    edit(files, "ip -j -d link", lambda links: links.extend(list(links)))


def no_links(files: Files) -> None:
    edit(files, "ip -j -d link", lambda _: [])


def index_of_zero(files: Files) -> None:
    edit(files, "ip -j -d link", lambda links: [{**link, "ifindex": 0} for link in links])


def negative_mtu(files: Files) -> None:
    edit(files, "ip -j -d link", lambda links: [{**link, "mtu": -1500} for link in links])


def no_mtu(files: Files) -> None:
    edit(files, "ip -j -d link", lambda links: [{**link, "mtu": 0} for link in links])


def huge_numbers(files: Files) -> None:
    huge = 10**40
    edit(
        files,
        "ip -j -d link",
        lambda links: [{**link, "mtu": huge, "ifindex": huge} for link in links],
    )
    edit(files, "ip -j rule", _add({"priority": huge, "src": "all", "table": str(huge)}))
    edit(files, "ip -j -4 route show table all", _add({"dst": "10.0.0.0/8", "metric": huge}))
    output(files, "conntrack -C")["stdout"] = "9" * 5000
    out = output(files, "sysctl")
    out["stdout"] = out["stdout"].replace(" = 1\n", " = " + "9" * 5000 + "\n")


def settings_that_are_no_numbers(files: Files) -> None:
    out = output(files, "sysctl")
    out["stdout"] = out["stdout"].replace(" = 1\n", " = one\n").replace(" = 0\n", " =\n")


def route_by_a_missing_device(files: Files) -> None:
    edit(
        files,
        "ip -j -4 route show table all",
        lambda routes: [{**route, "dev": "nowhere"} for route in routes],
    )


def gateway_is_oneself(files: Files) -> None:
    def change(routes: Any) -> None:
        for route in routes:
            if "gateway" in route:
                route["gateway"] = "172.30.0.11"

    edit(files, "ip -j -4 route show table all", change)


def gateways_of_the_other_family(files: Files) -> None:
    def change(routes: Any) -> None:
        for route in routes:
            if "gateway" in route:
                route["gateway"] = "fd00::1"

    for node in ("k1", "k3"):
        edit(files, "ip -j -4 route show table all", change, node)


def sources_of_the_other_family(files: Files) -> None:
    def change(routes: Any) -> None:
        for route in routes:
            if "prefsrc" in route:
                route["prefsrc"] = "fd00::1"

    edit(files, "ip -j -4 route show table all", change)


def gateway_by_itself(files: Files) -> None:
    ring = [
        {"dst": "10.244.3.0/24", "gateway": "10.244.3.9", "dev": "eth0", "flags": []},
        {"dst": "10.244.2.0/24", "gateway": "10.244.2.9", "dev": "eth0", "flags": ["onlink"]},
    ]
    edit(files, "ip -j -4 route show table all", lambda routes: [*ring, *routes])


def routes_in_a_circle(files: Files) -> None:
    """k1 -> k2 -> k3 -> k1, for what belongs to k3."""
    for node, other in (("k1", 12), ("k2", 13), ("k3", 11)):
        entry = {
            "dst": "10.244.3.0/24", "gateway": f"172.30.0.{other}", "dev": "eth0", "flags": [],
            "metric": 0,
        }  # fmt: skip

        def change(routes: Any, entry: dict[str, object] = entry) -> Any:
            return [entry, *(route for route in routes if route["dst"] != "10.244.3.0/24")]

        edit(files, "ip -j -4 route show table all", change, node)


def tunnels_in_a_circle(files: Files) -> None:
    """k1 and k2 each think that the other one has the pods of k3."""
    for node, other in (("k1", "k2"), ("k2", "k1")):
        number = other[1]
        entry = {
            "dst": "10.244.3.0/24", "gateway": f"10.244.{number}.0", "dev": "flannel.1",
            "flags": ["onlink"],
        }  # fmt: skip
        remote = {
            "mac": f"02:42:0a:f4:0{number}:00", "ifname": "flannel.1",
            "dst": f"172.30.0.1{number}", "flags": ["self"], "state": "permanent",
        }  # fmt: skip

        def change(routes: Any, entry: dict[str, object] = entry) -> Any:
            return [entry, *(route for route in routes if route["dst"] != "10.244.3.0/24")]

        edit(files, "ip -j -4 route show table all", change, node)
        if node == "k1":  # k2 has the entry for k1.
            edit(files, "bridge -j fdb", _add(remote), node)


def every_address_everywhere(files: Files) -> None:
    content = [json.loads(output(files, "ip -j addr", node)["stdout"]) for node in ("k1", "k2")]
    for node in ("k1", "k2", "k3"):
        edit(files, "ip -j addr", lambda _: content[0], node)
        edit(files, "ip -j -4 route show table all", lambda routes: routes * 2, node)


def rules_that_go_back(files: Files) -> None:
    back = [
        {"priority": 10, "src": "all", "action": "goto", "goto": 20},
        {"priority": 20, "src": "all", "action": "goto", "goto": 10},
        {"priority": 30, "src": "all", "action": "goto", "goto": 30},
    ]
    edit(files, "ip -j rule", lambda found: [*back, *found])


def no_policy_rules(files: Files) -> None:
    edit(files, "ip -j rule", lambda _: [])


def chain_that_jumps_to_itself(files: Files) -> None:
    rules(files, "filter", ":LOOP - [0:0]", "-A FORWARD -j LOOP", "-A LOOP -j LOOP")
    rules(files, "nat", ":LOOP - [0:0]", "-A PREROUTING -j LOOP", "-A LOOP -g LOOP")


def chains_that_jump_in_a_circle(files: Files) -> None:
    rules(
        files, "filter", ":A1 - [0:0]", ":A2 - [0:0]", "-A FORWARD -j A1", "-A A1 -j A2",
        "-A A2 -j A1",
    )  # fmt: skip


def chains_that_double(files: Files) -> None:
    """Forty chains, each called twice by the one before: 2^40 ways through."""
    chains = [f":D{n} - [0:0]" for n in range(41)]
    jumps = [f"-A D{n} -j D{n + 1}" for n in range(40) for _ in (1, 2)]
    syn = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN"
    rules(files, "filter", *chains, f"-A FORWARD {syn} -j D0", *jumps)


def chain_that_is_missing(files: Files) -> None:
    rules(files, "filter", "-A FORWARD -j NOWHERE", "-A NOWHERE -j ACCEPT")
    rules(files, "nat", "-A PREROUTING -g NOWHERE")


def rules_of_no_table(files: Files) -> None:
    output(files, "iptables-legacy-save")["stdout"] = "-A INPUT -j DROP\nCOMMIT\n"


def table_without_an_end(files: Files) -> None:
    out = output(files, "iptables-legacy-save")
    out["stdout"] = out["stdout"].replace("COMMIT\n", "", 1)


def translated_to_nothing(files: Files) -> None:
    rules(
        files, "nat", "-A PREROUTING -p tcp -j DNAT --to-destination 0.0.0.0:0",
        "-A PREROUTING -j DNAT --to-destination 999.1.1.1",
    )  # fmt: skip


def translated_to_oneself(files: Files) -> None:
    rules(files, "nat", "-A PREROUTING -p tcp -j DNAT --to-destination 10.244.1.7:80")


def undecidable_everywhere(files: Files) -> None:
    lines = [f'-A FORWARD -m bpf --bytecode "{n},6 0 0 0" -j DROP' for n in range(40)]
    rules(files, "filter", *lines)
    rules(
        files,
        "nat",
        *[f"-A PREROUTING -m nosuch --x {n} -j DNAT --to 10.244.3.2" for n in range(9)],
    )


def marks_by_chance(files: Files) -> None:
    """Every connection gets one of four marks, none of which matters."""
    lines = [
        "-A PREROUTING -m statistic --mode random --probability 0.5 -j MARK --set-xmark "
        f"{1 << n}/{1 << n}"
        for n in range(2)
    ]
    rules(files, "mangle", *lines)


def set_of_itself(files: Files) -> None:
    output(files, "ipset save")["stdout"] = (
        "create own list:set size 8\ncreate other list:set size 8\nadd own own\nadd own other\n"
        "add other own\n"
    )
    rules(files, "filter", "-A FORWARD -m set --match-set own src -j DROP")


def set_that_is_missing(files: Files) -> None:
    rules(files, "filter", "-A FORWARD -m set --match-set nowhere src -j DROP")


def nft_chain_in_a_circle(files: Files) -> None:
    def jump(chain: str, target: str) -> dict[str, Any]:
        rule = {"family": "ip", "table": "t", "chain": chain, "handle": 1}
        return {"rule": {**rule, "expr": [{"jump": {"target": target}}]}}

    chain = {"family": "ip", "table": "t", "handle": 1}
    hook = {"type": "filter", "hook": "forward", "prio": 0, "policy": "accept"}
    listing = [
        {"table": {"family": "ip", "name": "t", "handle": 1}},
        {"chain": {**chain, "name": "a", **hook}},
        {"chain": {**chain, "name": "b"}},
        jump("a", "b"),
        jump("b", "b"),
        jump("b", "nowhere"),
    ]
    edit(files, "nft -j list ruleset", lambda found: found["nftables"].extend(listing))


def tracked_to_itself(files: Files) -> None:
    entry = "src=10.244.1.7 dst=10.96.193.33 sport=40000 dport=80"
    output(files, "conntrack -L")["stdout"] = (
        f"tcp 6 100 ESTABLISHED {entry} {entry} mark=0 use=1\n"
    )
    output(files, "conntrack -C")["stdout"] = "1\n"


def everything_by_one_mac(files: Files) -> None:
    mac = "02:00:00:00:00:01"
    for node in ("k1", "k2", "k3"):
        edit(
            files, "ip -j -d link", lambda links: [{**each, "address": mac} for each in links], node
        )
        edit(files, "bridge -j fdb", lambda found: [{**each, "mac": mac} for each in found], node)


def everything_by_the_wrong_command(files: Files) -> None:
    outputs = dump(files, "k1")["outputs"]
    names = list(outputs)
    texts = [outputs[name].get("stdout", "") for name in names]
    for name, text in zip(names, [*texts[1:], texts[0]], strict=True):
        outputs[name]["stdout"] = text


CONTRADICTIONS: tuple[Change, ...] = tuple(
    value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and not name.startswith("_")
)
