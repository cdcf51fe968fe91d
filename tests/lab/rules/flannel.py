"""flannel's masquerade and forward rules, and those of portmap when veths are made by hand."""

from __future__ import annotations

from tests.lab.rules.kubeproxy import Tables
from tests.lab.topology import CLUSTER_CIDR, CLUSTER_CIDR6, Cluster, Node


def flannel(node: Node, *, family: int) -> Tables:
    """FLANNEL-POSTRTG and FLANNEL-FWD."""
    everywhere = CLUSTER_CIDR if family == 4 else CLUSTER_CIDR6
    here = node.pod_cidr if family == 4 else node.pod_cidr6
    multicast = "224.0.0.0/4" if family == 4 else "ff00::/8"
    add, note = "-A FLANNEL-POSTRTG", '-m comment --comment "flanneld masq"'
    forward = '-m comment --comment "flanneld forward"'
    return Tables(
        ("FLANNEL-POSTRTG",),
        (
            f"-A POSTROUTING {note} -j FLANNEL-POSTRTG",
            f"{add} -m mark --mark 0x4000/0x4000 {note} -j RETURN",
            f"{add} -s {here} -d {everywhere} {note} -j RETURN",
            f"{add} -s {everywhere} -d {here} {note} -j RETURN",
            f"{add} ! -s {everywhere} -d {here} {note} -j RETURN",
            f"{add} -s {everywhere} ! -d {multicast} {note} -j MASQUERADE --random-fully",
            f"{add} ! -s {everywhere} -d {everywhere} {note} -j MASQUERADE --random-fully",
        ),
        ("FLANNEL-FWD",),
        (
            f"-A FORWARD {forward} -j FLANNEL-FWD",
            f"-A FLANNEL-FWD -s {everywhere} {forward} -j ACCEPT",
            f"-A FLANNEL-FWD -d {everywhere} {forward} -j ACCEPT",
        ),
    )


def portmap(cluster: Cluster, node: Node, *, family: int) -> Tables:
    """What the portmap plugin writes for the hostPorts of a node's pods. Their subnet is as the CNI
    before it said; 127.0.0.1 has no like in IPv6, where no packet from ::1 leaves lo."""
    pods = [p for p in cluster.pods_on(node.name) if p.host_ports]
    if not pods:
        return Tables()
    local = "-m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT"
    chains = ["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-MASQ", "CNI-HOSTPORT-SETMARK"]
    rules = [
        f"-A PREROUTING {local}",
        f"-A OUTPUT {local}",
        '-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" '
        "-j CNI-HOSTPORT-MASQ",
        "-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE",
        '-A CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" '
        "-j MARK --set-xmark 0x2000/0x2000",
    ]
    for pod in pods:
        subnet, address = node.pod_cidr, pod.ip
        if family == 6:
            subnet, address = node.pod_cidr6, f"[{pod.ip6}]"
        if cluster.calico:
            subnet = f"{pod.ip}/32" if family == 4 else f"{pod.ip6}/128"
        chain = f"CNI-DN-{pod.name}"
        chains.append(chain)
        for entry in pod.host_ports:
            match = f"-p {entry.protocol} -m {entry.protocol} --dport {entry.host_port}"
            name = f'-m comment --comment "dnat name: \\"cbr0\\" id: \\"{pod.name}\\""'
            many = f"-m multiport --dports {entry.host_port}"
            rules += [
                f"-A CNI-HOSTPORT-DNAT -p {entry.protocol} {name} {many} -j {chain}",
                f"-A {chain} -s {subnet} {match} -j CNI-HOSTPORT-SETMARK",
                *[f"-A {chain} -s 127.0.0.1/32 {match} -j CNI-HOSTPORT-SETMARK"] * (family == 4),
                f"-A {chain} {match} -j DNAT --to-destination {address}:{entry.port}",
            ]
    return Tables(tuple(chains), tuple(rules))


def restore_text(*parts: Tables) -> str:
    """All parts as one input for iptables-restore --noflush."""
    lines = ["*nat"]
    lines += [f":{chain} -" for part in parts for chain in part.nat_chains]
    lines += [rule for part in parts for rule in part.nat]
    lines += ["COMMIT", "*filter"]
    lines += [f":{chain} -" for part in parts for chain in part.filter_chains]
    lines += [rule for part in parts for rule in part.filter]
    return "\n".join([*lines, "COMMIT", ""])
