"""Causes in iptables, nftables and ipset."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class FilterDrop(Finding):
    """A rule of the filter table drops the packet.

    What it means: A rule with the target DROP (or an nftables `drop`) matches, in INPUT, FORWARD,
    OUTPUT or a chain called from there.
    Why it matters: The packet vanishes; the sender waits until it gives up.
    How to fix: Remove or narrow the rule that the evidence shows; or accept before it.
        iptables -L CHAIN -nv --line-numbers
        iptables -D CHAIN NUMBER
    """

    code = "NF001"
    name = "filter-drop"
    level = Level.FATAL


class FilterReject(Finding):
    """A rule rejects the packet.

    What it means: A rule with the target REJECT matches and answers with an ICMP error or a TCP
    reset.
    Why it matters: The sender fails at once: "connection refused" or "no route to host".
    How to fix: Remove or narrow the rule. kube-proxy's own REJECT means that the Service has no
    usable endpoint.
        iptables -L CHAIN -nv --line-numbers
    """

    code = "NF002"
    name = "filter-reject"
    level = Level.FATAL


class ForwardPolicyDrop(Finding):
    """The policy of a base chain drops what no rule accepted.

    What it means: The packet falls off the end of the chain (usually FORWARD, whose policy Docker
    sets to DROP).
    Why it matters: A node that forwards for pods must accept that traffic by rule or policy.
    How to fix: Accept the pod network, which flannel and kube-proxy do by rules that are missing
    here, or change the policy.
        iptables -P FORWARD ACCEPT
        iptables -I FORWARD -s POD_CIDR -j ACCEPT; iptables -I FORWARD -d POD_CIDR -j ACCEPT
    """

    code = "NF003"
    name = "forward-policy-drop"
    level = Level.FATAL


class RawDrop(Finding):
    """A rule of the raw table drops the packet.

    What it means: A DROP in raw PREROUTING or OUTPUT matches, before connection tracking and NAT.
    Why it matters: `iptables -L` does not show this table, so the rule is easily overlooked.
    How to fix: Remove it.
        iptables -t raw -L -nv --line-numbers
        iptables -t raw -D PREROUTING NUMBER
    """

    code = "NF004"
    name = "raw-drop"
    level = Level.FATAL


class MangleDrop(Finding):
    """A rule of the mangle table drops the packet.

    What it means: A DROP in the mangle table matches.
    Why it matters: `iptables -L` does not show this table, so the rule is easily overlooked.
    How to fix: Remove it.
        iptables -t mangle -L -nv --line-numbers
        iptables -t mangle -D CHAIN NUMBER
    """

    code = "NF005"
    name = "mangle-drop"
    level = Level.FATAL


class RpfilterMatchDrop(Finding):
    """A rule drops the packet because its source would be answered elsewhere.

    What it means: A rule with `-m rpfilter --invert` (firewalld's IPv6_rpfilter, Calico's
    cali-rpf-skip) or nftables `fib saddr . iif` found no route back by the incoming interface.
    Why it matters: The packet is dropped before routing, even with the rp_filter sysctl off.
    How to fix: Repair the route back to the source, or except this interface from the rule.
        ip route get SRC
        iptables -t raw -S; iptables -t mangle -S
    """

    code = "NF006"
    name = "rpfilter-match-drop"
    level = Level.FATAL


class LegacyNftMixed(Finding):
    """Both iptables backends hold rules on this node.

    What it means: iptables-legacy and iptables-nft each have rules. The kernel applies both; each
    tool shows only its own.
    Why it matters: A rule that one of them shows as absent can still drop packets, and at equal
    priority the order depends on which was registered first.
    How to fix: Choose one backend, flush the other, and restart what writes rules.
        iptables-legacy-save | head; iptables-nft-save | head
        update-alternatives --display iptables
    """

    code = "NF007"
    name = "legacy-nft-mixed"
    level = Level.WARNING


class ForeignFirewall(Finding):
    """A firewall that is not Kubernetes' decides about the packet.

    What it means: Rules of firewalld, ufw, Docker, a security product or somebody's own nftables
    table stop it. An accept in one base chain does not protect from a drop in another.
    Why it matters: kube-proxy's and the CNI's accept rules cannot overrule it.
    How to fix: Allow the pod and Service networks there.
        nft list ruleset | less
        firewall-cmd --permanent --zone=trusted --add-source=POD_CIDR && firewall-cmd --reload
    """

    code = "NF008"
    name = "foreign-firewall"
    level = Level.FATAL


class NetfilterMissingChain(Finding):
    """A chain that should be there is not.

    What it means: A chain of kube-proxy or the CNI, or the jump to it from a base chain, is
    missing (missing-chain): something flushed or restored the tables.
    Why it matters: Its rules (NAT, masquerading, accepting) do not happen.
    How to fix: Restart what owns the chain; it writes everything again.
        iptables-save | grep -c KUBE-
        kubectl -n kube-system rollout restart daemonset kube-proxy
    """

    code = "NF009"
    name = "netfilter-missing-chain"
    level = Level.CRITICAL


class IpsetMissing(Finding):
    """A rule uses an ipset that does not exist.

    What it means: The set named in a `-m set` match was not found on the node.
    Why it matters: What the rule would decide cannot be known from a set that is not there.
    How to fix: Restart what owns the set (the policy agent, kube-proxy in ipvs mode).
        ipset list -n
    """

    code = "NF010"
    name = "ipset-missing"
    level = Level.CRITICAL


class IpsetMemberMissing(Finding):
    """An ipset lacks a member it should have.

    What it means: The set exists, and the pod or node that ought to be in it is not.
    Why it matters: Rules that accept, masquerade or balance by this set skip the packet.
    How to fix: Restart the owner of the set; if it does not come back, its view of the API is old.
        ipset test SET ADDRESS
    """

    code = "NF011"
    name = "ipset-member-missing"
    level = Level.CRITICAL


class MarkCollision(Finding):
    """Two programs use the same bit of the packet mark.

    What it means: A mark set for one purpose (kube-proxy's 0x4000 and 0x8000, the CNI's, a VPN's)
    is read by another program's rule.
    Why it matters: Packets are masqueraded, dropped or routed by a rule that was not meant for
    them.
    How to fix: Give one of the two another bit (kube-proxy: `iptables.masqueradeBit`).
        iptables-save | grep -iE 'mark'; ip rule show | grep fwmark
    """

    code = "NF012"
    name = "mark-collision"
    level = Level.CRITICAL


class UnsupportedMatch(Finding):
    """A rule on the way uses something skoop does not model.

    What it means: Whether this rule matches cannot be told, and the verdict depends on it.
    Why it matters: skoop answers "unknown" instead of guessing.
    How to fix: Look at the rule in the evidence. Its counter tells whether packets of a test match.
        iptables -t TABLE -L CHAIN -nvx --line-numbers
    """

    code = "NF013"
    name = "unsupported-match"
    level = Level.INFO


class NftMapEntryMissing(Finding):
    """An nftables map or set lacks an element.

    What it means: The rule looks the packet up in a map, and the entry that should be there is
    not.
    Why it matters: The rule does nothing, and the packet goes on as if it were not there.
    How to fix: Restart what owns the table.
        nft list map ip kube-proxy service-ips
        kubectl -n kube-system rollout restart daemonset kube-proxy
    """

    code = "NF014"
    name = "nft-map-entry-missing"
    level = Level.FATAL


class MasqueradeMissing(Finding):
    """The packet leaves with an address that cannot be answered.

    What it means: The rule that should have replaced the source address (kube-proxy's
    KUBE-POSTROUTING, the CNI's masquerading) is missing or did not match.
    Why it matters: The reply goes past the node that holds the translation, or cannot be routed at
    all; the client waits, or resets an answer it does not recognise.
    How to fix: Restore the rule by restarting what owns it.
        iptables -t nat -S POSTROUTING; iptables -t nat -S KUBE-POSTROUTING
        kubectl -n kube-system rollout restart daemonset kube-proxy
    """

    code = "NF015"
    name = "masquerade-missing"
    level = Level.FATAL


class UnexpectedSnat(Finding):
    """The source address is replaced where it should not be.

    What it means: A MASQUERADE or SNAT rule changes traffic that the cluster would leave alone.
    Why it matters: The server, its policies and its logs see a node's address instead of the
    client's, and two ways of one connection can come apart.
    How to fix: Except the pod network from the rule.
        iptables -t nat -L POSTROUTING -nv --line-numbers
        iptables -t nat -I POSTROUTING -s POD_CIDR -d POD_CIDR -j RETURN
    """

    code = "NF016"
    name = "unexpected-snat"
    level = Level.WARNING


class UnexpectedDnat(Finding):
    """The destination is replaced by a rule that is not the Service's.

    What it means: A DNAT or REDIRECT rule (a hostPort, a proxy, one added by hand) takes the packet
    to another place.
    Why it matters: The client talks to somebody else, or to nobody.
    How to fix: Remove or narrow the rule.
        iptables -t nat -S | grep -E 'DNAT|REDIRECT'
    """

    code = "NF017"
    name = "unexpected-dnat"
    level = Level.CRITICAL


FINDINGS: tuple[type[Finding], ...] = (
    FilterDrop,
    FilterReject,
    ForwardPolicyDrop,
    RawDrop,
    MangleDrop,
    RpfilterMatchDrop,
    LegacyNftMixed,
    ForeignFirewall,
    NetfilterMissingChain,
    IpsetMissing,
    IpsetMemberMissing,
    MarkCollision,
    UnsupportedMatch,
    NftMapEntryMissing,
    MasqueradeMissing,
    UnexpectedSnat,
    UnexpectedDnat,
)
