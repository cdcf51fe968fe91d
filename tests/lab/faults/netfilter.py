"""Faults of a node's packet filters."""

from __future__ import annotations

from tests.lab import commands
from tests.lab.faults.base import Fault, Scene, Step, at, fault, has_mate, steps, tunnelled

# One DROP in FORWARD of the node a pod lives on, by every kind of match there is.
_MATCHES = {
    "source": "-s {pod.ip}/32",
    "destination": "-d {pod.ip}/32",
    "not-source": "! -s {pod.ip}/32 -d {other.ip}/32",
    "port": "-p tcp -m tcp --dport 8080",
    "multiport": "-p udp -m multiport --dports 53,5353:5360",
    "syn": "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -d {pod.ip}",
    "syn-ack": "-p tcp -m tcp --tcp-flags SYN,ACK SYN,ACK -s {pod.ip}",
    "iprange": "-m iprange --src-range {pod.ip}-{pod.ip}",
    "in-interface": "-i cni0 -d {peer.pod_cidr}",
    "out-interface": "-o cni0 ! -s {node.pod_cidr}",
    "interface-wildcard": "-i cni+ -o eth+",
    "new": "-m conntrack --ctstate NEW -d {pod.ip}",
    "established": "-m conntrack --ctstate ESTABLISHED -s {pod.ip}",
    "dnat": "-m conntrack --ctstate DNAT",
    "original-destination": "-m conntrack --ctorigdst {service.cluster_ip}",
    "length": "-m length --length 0:70 -d {pod.ip}",
    "ttl": "-m ttl --ttl-lt 63 -d {pod.ip}",
    "addrtype": "-m addrtype ! --dst-type LOCAL -s {pod.ip}",
    "mark": "-m mark --mark 0x4000/0x4000",
    "state": "-m state --state NEW -s {pod.ip}",
    "udp": "-p udp",
    "all": "",
}


def _drops() -> tuple[Fault, ...]:
    return tuple(
        fault(
            f"forward-drop-by-{name}",
            "filter-drop",
            at("node", f"iptables -I FORWARD {match} -j DROP"),
        )
        for name, match in _MATCHES.items()
    )


_REJECTS = {
    "port": "",
    "host": "--reject-with icmp-host-unreachable",
    "net": "--reject-with icmp-net-unreachable",
    "prohibited": "--reject-with icmp-host-prohibited",
    "admin": "--reject-with icmp-admin-prohibited",
}


def _rejects() -> tuple[Fault, ...]:
    return tuple(
        fault(
            f"forward-reject-{name}",
            "filter-reject",
            at("node", f"iptables -I FORWARD -d {{other.ip}} -j REJECT {how}"),
        )
        for name, how in _REJECTS.items()
    )


def _other_backend(chain: str, rule: str) -> Step:
    """A rule of the userland that the cluster does not use."""

    def step(scene: Scene) -> None:
        other = "nft" if scene.lab.cluster.iptables == "legacy" else "legacy"
        text = rule.format(pod=scene.pod, other=scene.other)
        scene.lab.iptables(scene.lab.node(scene.node.name), f"-I {chain} {text}", backend=other)

    return step


def _ports_in_use(scene: Scene) -> None:
    """A translation with two ports, and a connection on each of them already."""
    node, other = scene.lab.node(scene.node.name), scene.other.ip
    rule = f"-s {scene.pod.ip} -d {other} -p tcp -j SNAT --to-source {scene.node.ip}:40000-40001"
    scene.lab.iptables(node, f"-t nat -I POSTROUTING {rule}")
    for port in (40000, 40001):
        commands.run(
            node,
            (
                *("conntrack", "-I", "-p", "tcp", "-t", "600", "--state", "ESTABLISHED"),
                *("-s", scene.pod.ip, "-d", other, "--sport", str(port - 30000)),
                *("--dport", "8080", "-r", other, "-q", scene.node.ip),
                *("--reply-port-src", "8080", "--reply-port-dst", str(port)),
            ),
        )


def _nft(*lines: str) -> Step:
    return at("node", *(f"nft '{line}'" for line in lines))


_FORWARD_HOOK = "{{ type filter hook forward priority %s; }}"
_PLAIN: tuple[Fault, ...] = (
    fault(
        "forward-reject-reset",
        "filter-reject",
        at("node", "iptables -I FORWARD -p tcp -d {other.ip} -j REJECT --reject-with tcp-reset"),
    ),
    fault(
        "forward-policy-drop",
        "forward-policy-drop",
        at("node", "iptables -P FORWARD DROP"),
        harmless="flannel accepts its own network before the policy",
    ),
    fault(
        "forward-policy-drop-alone",
        "forward-policy-drop",
        at("node", "iptables -F FLANNEL-FWD", "iptables -P FORWARD DROP"),
    ),
    fault(
        "input-drop",
        "filter-drop",
        at("node", "iptables -I INPUT -p tcp -m tcp --dport 10250 -j DROP"),
    ),
    fault(
        "input-reject-pods",
        "filter-reject",
        at("node", "iptables -I INPUT -s {node.pod_cidr} -j REJECT"),
    ),
    fault(
        "output-drop",
        "filter-drop",
        at("node", "iptables -I OUTPUT -d {peer.pod_cidr} -j DROP"),
    ),
    fault(
        "output-reject",
        "filter-reject",
        at("node", "iptables -I OUTPUT -d {other.ip} -j REJECT"),
    ),
    fault(
        "raw-prerouting-drop",
        "raw-drop",
        at("node", "iptables -t raw -A PREROUTING -p tcp -m tcp --dport 8080 -j DROP"),
    ),
    fault(
        "raw-service-drop",
        "raw-drop",
        at("node", "iptables -t raw -A PREROUTING -d {service.cluster_ip} -j DROP"),
    ),
    fault(
        "raw-output-drop",
        "raw-drop",
        at("node", "iptables -t raw -A OUTPUT -d {service.cluster_ip} -j DROP"),
    ),
    fault(
        "mangle-forward-drop",
        "mangle-drop",
        at("node", "iptables -t mangle -A FORWARD -s {pod.ip} -j DROP"),
    ),
    fault(
        "mangle-postrouting-drop",
        "mangle-drop",
        at("node", "iptables -t mangle -A POSTROUTING -d {pod.ip} -j DROP"),
    ),
    fault(
        "mangle-input-drop",
        "mangle-drop",
        at("node", "iptables -t mangle -A INPUT -p tcp -m tcp --dport 10250 -j DROP"),
    ),
    fault(
        "rpfilter-match",
        "rpfilter-match-drop",
        at(
            "peer",
            "iptables -t raw -A PREROUTING -m rpfilter --invert -j DROP",
            "ip route del {node.pod_cidr}",
            "ip route add {node.pod_cidr} dev cni0",
        ),
        also=("raw-drop", "route-asymmetric", "route-wrong-device"),
    ),
    fault(
        "notrack-services",
        "notrack-breaks-nat",
        at("node", "iptables -t raw -A PREROUTING -d 10.96.0.0/16 -j CT --notrack"),
        also=("svc-chain-missing",),
    ),
    fault(
        "notrack-replies",
        "notrack-breaks-nat",
        at("node", "iptables -t raw -A PREROUTING -s {pod.ip} -p tcp --sport 8080 -j NOTRACK"),
    ),
    fault(
        "invalid-drop-half-seen",
        "conntrack-asymmetric-invalid",
        at(
            "node",
            "iptables -t raw -A PREROUTING -i cni0 -p tcp -j CT --notrack",
            "iptables -I FORWARD -m conntrack --ctstate INVALID,UNTRACKED -j DROP",
        ),
        also=("notrack-breaks-nat", "conntrack-invalid-drop", "filter-drop"),
    ),
    fault(
        "mark-collision",
        "mark-collision",
        at("node", "iptables -t mangle -A PREROUTING -s {node.pod_cidr} -j MARK --set-mark 0x4000"),
        also=("unexpected-snat",),
    ),
    fault(
        "unexpected-snat",
        "unexpected-snat",
        at("node", "iptables -t nat -I POSTROUTING -s {pod.ip} -j SNAT --to-source {node.ip}"),
    ),
    fault(
        "snat-to-nobody",
        "unexpected-snat",
        at("node", "iptables -t nat -I POSTROUTING -s {pod.ip} -j SNAT --to-source 192.0.2.9"),
    ),
    fault(
        "unexpected-dnat",
        "unexpected-dnat",
        at(
            "node",
            "iptables -t nat -I PREROUTING -d {other.ip} -p tcp -j DNAT --to-destination {pod.ip}",
        ),
    ),
    fault(
        "masquerade-missing",
        "masquerade-missing",
        at("node", "iptables -t nat -F FLANNEL-POSTRTG"),
    ),
    fault(
        "masquerade-between-pods",
        "unexpected-snat",
        at("node", "iptables -t nat -I POSTROUTING -s {node.pod_cidr} -j MASQUERADE"),
    ),
    fault(
        "ipset-denies",
        "filter-drop",
        at(
            "node",
            "ipset create denied hash:ip",
            "ipset add denied {pod.ip}",
            "iptables -I FORWARD -m set --match-set denied dst -j DROP",
        ),
        also=("ipset-member-missing",),
    ),
    fault(
        "ipset-member-missing",
        "ipset-member-missing",
        at(
            "node",
            "ipset create allowed hash:net",
            "ipset add allowed {node.pod_cidr}",
            "iptables -I FORWARD -s 10.244.0.0/16 -m set ! --match-set allowed src -j DROP",
        ),
        also=("filter-drop",),
    ),
    fault(
        "ipset-port-member",
        "filter-reject",
        at(
            "node",
            "ipset create ports hash:ip,port",
            "ipset add ports {pod.ip},tcp:8080",
            "iptables -I FORWARD -m set --match-set ports dst,dst -j REJECT",
        ),
        also=("ipset-member-missing",),
    ),
    fault(
        "legacy-nft-mixed",
        "legacy-nft-mixed",
        _other_backend("FORWARD", "-d {pod.ip} -j DROP"),
        also=("filter-drop", "foreign-firewall"),
    ),
    fault(
        "other-backend-input",
        "legacy-nft-mixed",
        _other_backend("INPUT", "-p tcp --dport 10250 -j REJECT"),
        also=("filter-reject", "foreign-firewall"),
    ),
    fault("snat-ports-in-use", "snat-ports-exhausted", _ports_in_use),
    fault(
        "foreign-nft-drop",
        "foreign-firewall",
        _nft(
            "add table inet guard",
            f"add chain inet guard screen {_FORWARD_HOOK % 'filter'}",
            "add rule inet guard screen ip daddr {pod.ip} drop",
        ),
        also=("filter-drop",),
    ),
    fault(
        "foreign-nft-policy",
        "foreign-firewall",
        _nft(
            "add table inet guard",
            "add chain inet guard screen "
            "{{ type filter hook forward priority filter; policy drop; }}",
            "add rule inet guard screen ct state established,related accept",
            "add rule inet guard screen ip daddr {peer.pod_cidr} accept",
        ),
        also=("filter-drop", "forward-policy-drop"),
    ),
    fault(
        "nft-accept-does-not-save",
        "foreign-firewall",
        _nft(
            "add table ip early",
            f"add chain ip early screen {_FORWARD_HOOK % '-50'}",
            "add rule ip early screen accept",
            "add table ip late",
            f"add chain ip late screen {_FORWARD_HOOK % '50'}",
            "add rule ip late screen tcp dport 8080 ip daddr {node.pod_cidr} drop",
        ),
        also=("filter-drop",),
    ),
    fault(
        "nft-reject-set",
        "foreign-firewall",
        _nft(
            "add table inet guard",
            f"add chain inet guard screen {_FORWARD_HOOK % 'filter'}",
            "add set inet guard bad {{ type ipv4_addr; }}",
            "add element inet guard bad {{ {pod.ip} }}",
            "add rule inet guard screen ip saddr @bad counter reject",
        ),
        also=("filter-reject",),
    ),
    fault(
        "nft-prerouting-drop",
        "foreign-firewall",
        _nft(
            "add table inet guard",
            "add chain inet guard pre {{ type filter hook prerouting priority raw; }}",
            "add rule inet guard pre iifname cni0 tcp dport {{ 80, 8080 }} drop",
        ),
        also=("raw-drop", "filter-drop"),
    ),
    fault(
        "nft-input-vmap",
        "foreign-firewall",
        _nft(
            "add table inet guard",
            "add chain inet guard entry {{ type filter hook input priority filter; }}",
            "add rule inet guard entry tcp dport vmap {{ 22 : accept, 10250 : drop }}",
        ),
        also=("filter-drop",),
    ),
    fault(
        "physdev-drop",
        "filter-drop",
        at("node", "iptables -I FORWARD -m physdev --physdev-is-bridged -j DROP"),
        fits=has_mate,
    ),
    fault(
        "mac-source-drop",
        "filter-drop",
        at("node", "iptables -I FORWARD -m mac --mac-source {pod_mac} -j DROP"),
    ),
    fault(
        "goto-drop",
        "filter-drop",
        at(
            "node",
            "iptables -N GUARD",
            "iptables -A GUARD -s {pod.ip} -j RETURN",
            "iptables -A GUARD -p tcp -j DROP",
            "iptables -I FORWARD -d {pod.ip} -g GUARD",
        ),
    ),
    fault(
        "connmark-drop",
        "filter-drop",
        at(
            "node",
            "iptables -t mangle -A PREROUTING -s {pod.ip} -j CONNMARK --set-mark 0x77",
            "iptables -I FORWARD -m connmark --mark 0x77 -j DROP",
        ),
        also=("mark-collision",),
    ),
    fault(
        "vxlan-source-drop",
        "underlay-port-blocked",
        at("peer", "iptables -t raw -A PREROUTING -s {node.ip} -p udp -j DROP"),
        fits=tunnelled,
        also=("raw-drop",),
    ),
    fault(
        "mss-clamp",
        "mss-clamp-missing",
        at(
            "node",
            "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN "
            "-j TCPMSS --clamp-mss-to-pmtu",
        ),
        harmless="clamping only ever helps",
    ),
    fault(
        "limit-match",
        "unsupported-match",
        at(
            "node",
            "iptables -I FORWARD -d {pod.ip} -j DROP",
            "iptables -I FORWARD -d {pod.ip} -m limit --limit 1/hour --limit-burst 2 -j ACCEPT",
        ),
        unmodelled=True,
        also=("filter-drop",),
    ),
    fault(
        "string-match",
        "unsupported-match",
        at("node", "iptables -I FORWARD -d {pod.ip} -m string --algo bm --string lab -j DROP"),
        unmodelled=True,
        also=("filter-drop",),
    ),
    fault(
        "everything-rejected-both-ways",
        "filter-reject",
        steps(
            at("node", "iptables -I FORWARD -s {pod.ip} -j REJECT"),
            at("node", "iptables -I FORWARD -d {pod.ip} -j REJECT"),
        ),
    ),
)

FAULTS: tuple[Fault, ...] = (*_drops(), *_rejects(), *_PLAIN)
