"""Forms of rules that hosts have from Felix of different ages and settings: all are read and
modelled. The older ones use marks from another range."""

from __future__ import annotations

import pytest

from skoop.model.address import Family
from skoop.netstack.iptables import read_ruleset

RULES = {
    "old marks": "-m mark --mark 0x1000000/0x1000000 -m conntrack --ctstate UNTRACKED -j ACCEPT",
    "old policy results": "-m mark --mark 0x0/0x2000000 -j cali-other",
    "IPIP from strangers": "-p ipencap -m set ! --match-set cali4-all-hosts src -j DROP",
    "IPIP from nodes": (
        "-p ipencap -m set --match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL "
        "-j ACCEPT"
    ),
    "VXLAN from nodes": (
        "-p udp -m multiport --dports 4789 -m set --match-set cali40all-vxlan-net src "
        "-m addrtype --dst-type LOCAL -j ACCEPT"
    ),
    "IPIP to nodes": (
        "-p ipencap -m set --match-set cali40all-hosts-net dst -m addrtype --src-type LOCAL "
        "-j ACCEPT"
    ),
    "interfaces of another prefix": "-i azv7+ -g cali-other",
    "DHCP of pods": "-p udp -m multiport --sports 68 -m multiport --dports 67 -j ACCEPT",
    "a verdict was reached": "-m mark ! --mark 0x0/0x30000 -j RETURN",
    "a limit of packets": "-m limit --limit 100/sec -j MARK --set-xmark 0x40000/0x40000",
    "a limit of connections": (
        "-p tcp -m connlimit --connlimit-above 10 --connlimit-mask 0 --connlimit-saddr "
        "-j REJECT --reject-with tcp-reset"
    ),
    "a named port": "-m set --match-set cali40n:Zk_a-b dst,dst -j MARK --set-xmark 0x40000/0x40000",
    "flow logs": '-j NFLOG --nflog-prefix "DPE0|default.deny" --nflog-group 2 --nflog-size 80',
    "the log action": '-j LOG --log-prefix "calico-packet: " --log-level 5',
    "ICMP": "-p icmp -m icmp --icmp-type 8/0 -j MARK --set-xmark 0x10000/0x10000",
    "SCTP": "-p sctp -m multiport --dports 9 -j DROP",
    "spoofed sources": "-m rpfilter --validmark --invert -j DROP",
    "untracked": "-j CT --notrack",
    "service loops": '-m comment --comment "cali:x" -d 10.96.0.0/12 -j REJECT',
}


@pytest.mark.parametrize("name", RULES)
def test_a_form_of_rule(name: str) -> None:
    table = "raw" if "rpfilter" in RULES[name] or "notrack" in RULES[name] else "filter"
    hook = "PREROUTING" if table == "raw" else "FORWARD"
    text = (
        f"*{table}\n:{hook} ACCEPT [0:0]\n:cali-one - [0:0]\n:cali-other - [0:0]\n"
        f'-A {hook} -j cali-one\n-A cali-one -m comment --comment "cali:46gVAqzWLjH8U4O2" '
        f"{RULES[name]}\nCOMMIT\n"
    )
    read = read_ruleset(text, engine="iptables-legacy", family=Family.V4, source="a host")
    assert read.unmodelled == ()
