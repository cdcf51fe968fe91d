"""Write the pages that come from the code: `python docs/generate.py`. A test compares them."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import skoop
from skoop.findings import GROUPS, Finding, catalogue, known_by, related_to
from skoop.netstack import iptables, nft
from skoop.netstack.walk.device import OPAQUE

DOCS = Path(__file__).parent
COMMANDS = runpy.run_path(str(DOCS / "generate_commands.py"))
PACKAGE = Path(skoop.__file__).parent

ELSEWHERE = (
    ("endpoint-unresolvable, endpoint-ambiguous, pod not-found", "exit code 2, with candidates"),
    ("permission-denied, config-missing, trace-too-long", "exit code 4, or `not_checked`"),
    ("unsupported-rule, unsupported-scenario", "verdict `unknown`, which names the rule"),
    ("ip-version-mismatch, non-routable-ip", "exit code 2; of a Service `service-family-mismatch`"),
    ("left-known-network", "disposition `LEFT_NETWORK` and `not_checked`"),
)
"""Causes that are no findings because they say that skoop could not look."""

NO_EVIDENCE = (
    ("snapshot-stale", "a snapshot's age alone does not tell whether the state has changed"),
    ("conflicting-cni-config", "files in /etc/cni/net.d are not collected"),
    (
        "fragments-dropped",
        "where connections are tracked, fragments are put together before rules see them "
        "(nf_defrag); what drops them lies between the nodes, of which nothing is collected",
    ),
    (
        "wireguard preshared keys that differ",
        "they are secrets, and never read; of two nodes that never completed a handshake the "
        "answer is `unknown` for it",
    ),
)  # fmt: skip
"""Causes for which there is nothing in a snapshot."""

CANNOT_BE = (
    (
        "ipset-missing",
        "the kernel refuses a rule whose set does not exist, and to destroy a set that a rule "
        "names; where that stopped an agent, its rules are missing, which is told; a set that was "
        "not collected makes the answer `unknown`",
    ),
    (
        "topology-filter-empty",
        "kube-proxy ignores hints unless every ready endpoint has one and at least one of them is "
        "for this node or zone (pkg/proxy/topology.go)",
    ),
)
"""Causes that no state can be."""

BY_ANOTHER = (
    (
        "pod-wrong-netns",
        "`veth-missing` or `ip-mismatch-api-vs-netns`: what is collected is the namespace of the "
        "pod's processes, and its address is not there",
    ),
    (
        "route-asymmetric",
        "`rp-filter-drop`, `conntrack-invalid-drop` or `conntrack-asymmetric-invalid`, by what it "
        "breaks, and the wrong route itself where the CNI's own is known; alone it harms "
        "nobody",
    ),
    (
        "nft-map-entry-missing",
        "`nft-service-map-missing`, `proxy-rules-stale`, `masquerade-missing`, by the map or set "
        "of kube-proxy's that lacks it; what other tables should hold nothing says",
    ),
)
"""Causes that other findings name, and more exactly."""


def pages() -> dict[str, Callable[[], str]]:
    """What writes each generated page, by file name."""
    return {
        "findings.md": findings_page,
        "causes-not-told.md": not_told_page,
        "limits.md": limits_page,
        "commands.md": COMMANDS["commands_page"],
        "skoop.1": COMMANDS["man_page"],
    }


def findings_page() -> str:
    """Every finding with its documentation, by group."""
    parts = [
        "# Causes",
        "Generated from `skoop/findings/`. `skoop explain CODE` shows the same in a terminal.",
        "*Fatal*: traffic of this kind does not pass. *Critical*: some of it does not. *Warning*: "
        "worth mending. *Info*: worth knowing.",
    ]
    for prefix, (title, module) in GROUPS.items():
        parts.append(f"## {prefix}: {title}")
        parts += [_entry(finding) for finding in module.FINDINGS]
    return "\n\n".join(parts) + "\n"


def _entry(finding: type[Finding]) -> str:
    doc = finding.explain()
    return "\n\n".join(
        [
            f"### {finding.name}",
            f"`{finding.code}`, {finding.level.value}. {doc.title}",
            f"**What it means.** {doc.means}",
            f"**Why it matters.** {doc.matters}",
            f"**How skoop knows.** {known_by(finding)}",
            f"**How to fix.** {_markdown(doc.how)}",
            *_related(finding),
        ]
    )


def _related(finding: type[Finding]) -> list[str]:
    links = [f"[{one.name}](#{one.name})" for one in related_to(finding)]
    return [f"**Related.** {', '.join(links)}"] if links else []


def _markdown(how: str) -> str:
    """Prose as it is, runs of commands as a code block."""
    out: list[str] = []
    for line in how.splitlines():
        is_command = line.startswith("    ")
        if is_command and not (out and out[-1].startswith("```sh\n")):
            out.append("```sh\n" + line.strip())
        elif is_command:
            out[-1] += "\n" + line.strip()
        else:
            out.append(line)
    return "\n\n".join(part + "\n```" if part.startswith("```") else part for part in out)


def not_told_page() -> str:
    """What is documented but nothing in skoop reports, and what has no finding at all."""
    known = told()
    settled = {name for name, _ in (*NO_EVIDENCE, *CANNOT_BE, *BY_ANOTHER)}
    silent = [one for one in catalogue() if one not in known and one.name not in settled]
    missing = (
        "## Documented, not reported by this version",
        "Where one of these is at work the packet is still stopped in the simulation, and the "
        "last step shows where; only the name of the cause is missing, or a more general one is "
        "given.",
        "\n".join(f"- [{one.name}](findings.md#{one.name}) (`{one.code}`)" for one in silent),
    )
    lines = [
        "# Causes not told",
        "Generated. A diagnosis should be able to name every cause that operators meet. These it "
        "cannot name, or names in another way.",
        *(missing if silent else ()),
        "## Nothing in a snapshot tells it",
        _table("cause", "why", NO_EVIDENCE),
        "## No state can be",
        _table("cause", "why", CANNOT_BE),
        "## Told by another finding",
        _table("cause", "told as", BY_ANOTHER),
        "## Told as something else than a finding",
        _table("cause", "told as", ELSEWHERE),
    ]
    return "\n\n".join(lines) + "\n"


LIMITS = (
    "- **A moment in time.** State changes while it is read. A live cluster's lists come from the "
    "API server's memory, which may be a moment behind, and its nodes one after the other; a "
    "snapshot is as old as its collection.\n"
    "- **Of a live cluster only the nodes that a question is about** are collected: the ends', "
    "the backends' of a Service, and those that the walk turns out to need, at most 20 unless "
    "--max-nodes says otherwise. What is wrong elsewhere stays unseen.\n"
    "- **Without a provider nothing under the nodes is looked at.** For a generic cluster the "
    "network between nodes is taken to deliver frames to the node that has the next hop's "
    "address, and routers between subnets to know the nodes' addresses.\n"
    "- **A cloud is known as far as its provider reads it.** What it does not look at, or was not "
    "allowed to ask, is said in `not_checked` and not judged. In a cloud the router takes every "
    "frame by its destination address; next hops and MAC addresses that a node uses on the VPC "
    "are not judged. Load balancers are followed at layer 4: what one that speaks HTTP or TLS "
    "does with a request is not. A load balancer that only has a DNS name is asked for by its "
    "address. Quotas, limits of bandwidth and of sessions are not counted; ports of a NAT "
    "gateway only as the cloud reports them. Address families are not translated. What is left "
    "out on Aliyun has [a page](aliyun.md#not-looked-at).\n"
    "- **The internet is taken to answer.** A packet that leaves a cloud to the internet, or to a "
    "machine of the VPC that is no node, is answered as if something listened there, so that the "
    "way back can be checked. It is said as an assumption.\n"
    "- **Beyond the nodes nothing is seen.** A packet that leaves for another address is "
    "`LEFT_NETWORK` and the answer `unknown`; unless it is for a pod or Service network that "
    "only nodes know (then it is lost), or the node had a connection to that very server in "
    "use while it was collected (then it is `ok`, and said as an assumption). Whether a "
    "router out there answers or stays silent cannot be told: what is lost there counts as "
    "`timeout`.\n"
    "- **One packet's fate, not performance.** skoop answers whether a connection of this "
    "kind can be made, not how fast, and not what fails once in a thousand. A port drawn at "
    "random is taken not to hit a rule about less than a hundredth of its range.\n"
    "- **BPF is not simulated.** Where a program of BPF hangs on a device by XDP or by tc, both "
    "answers are followed; one attached by tcx or to a cgroup is in no dump and goes unseen. Of "
    "traffic control, what drops everything is known (netem with a loss of 100%, a queue of "
    "none, a filter that drops all); other filters and losses by chance are followed both ways.\n"
    "- **Order of equal chains.** At equal priority in one hook, chains of several tables (of "
    "nft, of iptables-nft, of iptables-legacy) run in the order of their registration, the "
    "youngest first, which no dump shows. Where that would change the answer, it is unknown.\n"
    "- **Limits of rate** (`limit`, `hashlimit`, `connlimit`, `quota`) are taken to have "
    "room; ICMP errors are taken to be sent.\n"
    "- **Session affinity** (`recent` in kube-proxy's rules) is taken to know nothing of the "
    "client: every backend is followed. The sets of nftables mode are collected, and followed.\n"
    "- **SCTP** is followed to the address that was asked for. Further addresses that its ends "
    "tell each other are not; a rule's refusal is taken to go unheard, as it is by a client "
    "without IP_RECVERR.\n"
    "- **A UDP server that listens on the wildcard address** answers from the address of the "
    "route back, as the kernel does it, unless the program chooses the address itself "
    "(IP_PKTINFO), which no dump shows.\n"
    "- **A node whose address is on a bridge** (with the NIC as its port) is followed as far "
    "as its bridge.\n"
    "- **Bursts of TCP segments** pass between virtual devices whole, and leave a card segment by "
    "segment. Whether a router between virtual devices cuts them is not seen: where the device "
    "beyond is too small for a segment, the answer is unknown.\n"
    "- **Path MTUs that the ends have learned** are those of the moment of collection. A transfer "
    "that hangs where a link is too small may teach an end the path's MTU all the same: for the "
    "next ten minutes (net.ipv4.route.mtu_expires) that end asks for smaller segments in the MSS "
    "of each new connection, and what timed out the first time gets through the second. The answer "
    "is about the first.\n"
    "- **VLANs** in bridges that filter them are followed where frames come in and go out without "
    "a tag; whoever takes a tag off at the other end of a port is not looked for.\n"
    "- **WireGuard** is followed by what `wg` shows, which the collector's image must have: "
    "peers by allowed addresses, endpoints, keys, marks. Keys that are secret are never read: that "
    "preshared keys agree is taken from both ends having completed a handshake; until they have, "
    "the answer is unknown. So it is where a peer was not collected, where a device's socket is in "
    "another network namespace, where tunnel packets go through their own device again, where an "
    "answer comes another way than by the tunnel, and of WireGuard in a program (a `tun` device). "
    "Endpoints are as they were when they were read, and a peer that speaks later changes them. "
    "A first packet leaves from the address that the route prefers, though a peer may have called "
    "another one; the handshake's own messages, which differ in size and DSCP, are taken "
    "to pass where data does. Of flannel's backend peers, keys, allowed addresses and endpoints "
    "are compared with what the nodes announce; of Calico's WireGuard nothing is.\n"
    "- **Bonds' and VRFs' own rules, Geneve, IPv6 tunnels "
    "and multicast** are not modelled.\n"
    "- **Names** are read by what kubelet would give the pod (dnsPolicy, dnsConfig, the cluster's "
    "DNS), not by the pod's own /etc/resolv.conf; that of a node is not known. CoreDNS is taken to "
    "serve the cluster's zone as the specification says: rewrites, stub domains and plugins of its "
    "Corefile are not read.\n"
    "- **Services without kube-proxy** (Cilium's replacement, kube-router's service proxy) are "
    "recognised and not modelled: what the nodes' rules do not carry through is unknown.\n"
    "- **IPVS** is walked with translating virtual servers and net.ipv4.vs.conntrack, as "
    "kube-proxy sets it up; direct routing, tunnelling and IPVS without conntrack are recognised "
    "and not decided. Of ipvs mode the virtual servers, real servers and addresses are compared "
    "with what the Services ask for; its ipsets and rules are walked only.\n"
    "- **Policies as declared.** Cilium's, Antrea's and OpenShift's own policy kinds are not read. "
    "Domain names and conditions on HTTP requests are undecided. Calico's failsafe ports are taken "
    "to be the defaults, a HostEndpoint that names an interface to be for the address asked about. "
    "Its policies for forwarded traffic, before NAT and without connection tracking "
    "(applyOnForward, preDNAT, doNotTrack) are asked about one connection, as it is addressed "
    "behind a Service, and not by `policy diff` and `policy lint`. A pod that "
    "reaches itself by a Service is taken to be allowed, which not every enforcer does.\n"
    "- **Calico** is walked as its nodes have it. BGP itself is not seen: routes tell what it "
    "brought, and routers named as BGPPeers are taken to know the blocks of pools without "
    "tunnels. VPP and the eBPF data plane are recognised and not walked. "
    "Declared and enforced policy are compared for the connection asked about, and on the nodes "
    "it met for up to some 300 connections of their pods with one pod of each kind elsewhere; "
    "where another program than iptables or nftables enforces, only what is declared is told, "
    "under `not_checked`."
)


def limits_page() -> str:
    """What is not modelled: in words, and from the tables of the engines."""
    opaque = tuple((f"`{kind}`", why) for kind, why in sorted(OPAQUE.items()))
    matches = tuple((f"`-m {name}`", why) for name, why in sorted(iptables.UNDECIDABLE.items()))
    targets = tuple((f"`-j {name}`", why) for name, why in sorted(iptables.UNKNOWN_TARGETS.items()))
    words = [name.removesuffix(" (unknown)") for name in nft.modelled() if "(unknown)" in name]
    return (
        "\n\n".join(
            [
                "# Limits",
                "Generated. What is listed here never counts as a pass: where it would change the "
                "answer, the answer is `unknown` and names it.",
                LIMITS,
                "## Devices a packet cannot be followed through",
                _table("kind", "why", opaque),
                "## iptables: not decided",
                "A rule with one of these is followed both ways when its other conditions hold.",
                _table("match or target", "why", matches + targets),
                "Modelled: " + ", ".join(f"`{name}`" for name in iptables.modelled()) + ".",
                "## nftables: recognised, not decided",
                ", ".join(f"`{word}`" for word in words) + ".",
                "What cannot be named yet is in [Causes not told](causes-not-told.md).",
            ]
        )
        + "\n"
    )


def _table(left: str, right: str, rows: tuple[tuple[str, str], ...]) -> str:
    return "\n".join([f"| {left} | {right} |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def told() -> set[type[Finding]]:
    """The findings that some module outside the catalogue refers to."""
    words: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        if PACKAGE / "findings" not in path.parents:
            words.update(re.findall(r"\w+", path.read_text(encoding="utf-8")))
    return {one for one in catalogue() if one.__name__ in words}


if __name__ == "__main__":
    for name, written in pages().items():
        (DOCS / name).write_text(written(), encoding="utf-8")
