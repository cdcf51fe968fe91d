"""Which modules a lab of network namespaces needs in the guest."""

LAB = (
    "veth", "bridge", "br_netfilter", "vxlan", "ipip", "dummy", "nf_conntrack_netlink",
    "nf_tables", "nft_*", "ip_tables", "ip6_tables", "iptable_*", "ip6table_*", "xt_*",
    "ipt_*", "ip6t_*", "nf_nat", "ip_set*", "nfnetlink*",
)  # fmt: skip
"""Bridges, tunnels and netfilter."""

IPVS = (*LAB, "ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_lc", "ip_vs_sh")
"""The same with IPVS and its usual schedulers."""

SHAPING = (*LAB, "sch_netem", "sch_ingress", "cls_matchall", "act_gact")
"""The lab's with traffic control."""

SCTP = (*IPVS, "sctp", "sctp_diag", "hmac", "md5", "sha1_generic")
"""IPVS' with SCTP, which signs its cookies."""

WIREGUARD = ("crc32c_generic", *LAB, "wireguard")
"""The lab's with WireGuard, for Debian's own kernel: user-mode Linux is built without."""

ALL = (*SCTP, *SHAPING)
