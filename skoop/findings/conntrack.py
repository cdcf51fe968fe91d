"""Causes in connection tracking."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class ConntrackTableFull(Finding):
    """The connection tracking table is full.

    What it means: The number of entries has reached the limit.
    Why it matters: Packets of new connections are dropped; established ones go on. For some the
    kernel makes room by an entry that is not ASSURED (no answer yet, a single datagram), if one is
    in the right place: where there may be such, the answer is "unknown". The log says
    "nf_conntrack: table full, dropping packet".
    How to fix: Raise the limit (kube-proxy: `conntrack.maxPerCore`), and find who opens so many.
        sysctl -w net.netfilter.nf_conntrack_max=524288
        conntrack -S
    """

    code = "CT001"
    name = "conntrack-table-full"
    level = Level.FATAL


class StaleUdpEntry(Finding):
    """An old conntrack entry sends the UDP flow to a backend that is gone.

    What it means: The flow's addresses and ports already have an entry from before the Service's
    endpoints changed, and each packet renews it.
    Why it matters: NAT rules are read for new flows only, so the client keeps talking to a dead
    address as long as it does not pause (DNS is the usual victim).
    How to fix: Delete the entries.
        conntrack -D -p udp --orig-dst CLUSTER_IP --orig-port-dst PORT
    """

    code = "CT002"
    name = "stale-udp-entry"
    level = Level.FATAL


class DnatToDeadEndpoint(Finding):
    """The packet is translated to an address where no ready endpoint is.

    What it means: A DNAT rule or a conntrack entry names a backend that the API does not list.
    Why it matters: The share of connections that gets this backend fails.
    How to fix: Restart kube-proxy on the node when its rules are old; delete the flow's entries
    when only conntrack is.
        iptables-save -t nat | grep 'to-destination IP'
        conntrack -D --dst-nat IP
    """

    code = "CT003"
    name = "dnat-to-dead-endpoint"
    level = Level.FATAL


class ConntrackInvalidDrop(Finding):
    """The packet is dropped because it belongs to no known connection.

    What it means: Connection tracking calls it INVALID, and a rule (kube-proxy's first rule of
    KUBE-FORWARD, a firewall's) drops such packets.
    Why it matters: Long transfers break, or replies that came another way are lost (invalid-drop).
    How to fix: Repair what makes half of the connection invisible here, or be tolerant:
        sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1
    """

    code = "CT004"
    name = "conntrack-invalid-drop"
    level = Level.FATAL


class SnatPortsExhausted(Finding):
    """No source port is left for masquerading.

    What it means: All ports of the translated address towards this destination are in use.
    Why it matters: New connections to this destination are dropped (`insert_failed` in
    `conntrack -S`), while others work.
    How to fix: Reuse connections in the client, add addresses, or shorten the time-wait.
        conntrack -L --orig-dst DST 2>/dev/null | wc -l
    """

    code = "CT005"
    name = "snat-ports-exhausted"
    level = Level.CRITICAL


class ConntrackAsymmetricInvalid(Finding):
    """A node sees only one direction of the connection.

    What it means: Request and reply pass different nodes, so the tracker of one of them sees
    half a handshake (asymmetric-invalid).
    Why it matters: It calls later packets INVALID, or gives them a translation of its own.
    How to fix: Make both directions pass the same node.
        ip route get DST from SRC                              # on both nodes
    """

    code = "CT006"
    name = "conntrack-asymmetric-invalid"
    level = Level.CRITICAL


class NotrackBreaksNat(Finding):
    """A rule takes the packet out of connection tracking, so it is not translated.

    What it means: `-j NOTRACK` or `-j CT --notrack` in the raw table matches.
    Why it matters: NAT needs tracking. A Service address is not translated, a reply does not get
    its original address back, and rules that accept ESTABLISHED do not match.
    How to fix: Remove or narrow the rule.
        iptables -t raw -S | grep -i notrack
    """

    code = "CT007"
    name = "notrack-breaks-nat"
    level = Level.FATAL


FINDINGS: tuple[type[Finding], ...] = (
    ConntrackTableFull,
    StaleUdpEntry,
    DnatToDeadEndpoint,
    ConntrackInvalidDrop,
    SnatPortsExhausted,
    ConntrackAsymmetricInvalid,
    NotrackBreaksNat,
)
