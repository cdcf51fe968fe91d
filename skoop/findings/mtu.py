"""Causes in packet sizes."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class MtuPodExceedsPath(Finding):
    """The pod's MTU is larger than what the way carries.

    What it means: An interface behind the pod's own has a smaller MTU (pod-exceeds-path).
    Why it matters: It is harmless while "fragmentation needed" messages come back. When they are
    lost, or the smaller MTU is that of the veth's other end, large packets vanish: the handshake
    works and the transfer hangs.
    How to fix: Give pods the smallest MTU of the way, in the CNI's configuration.
        ping -M do -s 1422 DST                                 # payload + 28 bytes
    """

    code = "MTU001"
    name = "mtu-pod-exceeds-path"
    level = Level.WARNING


class MtuOverlayOverhead(Finding):
    """The tunnel's MTU leaves no room for its own header.

    What it means: The tunnel device's MTU plus its overhead (VXLAN 50 bytes on IPv4, 70 on IPv6;
    IPIP 20; WireGuard 60 or 80) is larger than the MTU of the NIC below (overlay-overhead).
    Why it matters: Full packets must be fragmented outside the tunnel, or are dropped.
    How to fix: Lower the tunnel's MTU in the CNI's configuration, restart its agent, and recreate
    the pods.
        ip link show flannel.1; ip link show eth0
    """

    code = "MTU002"
    name = "mtu-overlay-overhead"
    level = Level.CRITICAL


class MtuNodeMismatch(Finding):
    """Nodes of one network have different MTUs.

    What it means: The interfaces at the two ends of a segment disagree (node-mismatch).
    Why it matters: A layer-2 segment cannot say "too big": what the sender may send and the
    receiver does not take is dropped silently.
    How to fix: Set the same MTU on all interfaces of the segment.
        ip link set dev eth0 mtu 1500
    """

    code = "MTU003"
    name = "mtu-node-mismatch"
    level = Level.CRITICAL


class PmtudBlocked(Finding):
    """The answer "fragmentation needed" does not reach the sender.

    What it means: A packet is too big for the way and must not be fragmented; the ICMP message
    that would tell the sender is dropped, or has no route back.
    Why it matters: Path MTU discovery fails: connections open and then hang with the first full
    packet.
    How to fix: Let ICMP type 3 code 4 (ICMPv6 type 2) pass, or clamp the MSS.
        iptables -I INPUT -p icmp --icmp-type fragmentation-needed -j ACCEPT
        iptables -t mangle -A FORWARD -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu
    """

    code = "MTU004"
    name = "pmtud-blocked"
    level = Level.FATAL


class DfTooBig(Finding):
    """The packet is too big for the way and may not be fragmented.

    What it means: The packet carries "don't fragment" (IPv6 packets always do) and is larger than
    the next link's MTU.
    Why it matters: It is dropped; TCP recovers by the ICMP answer, a UDP application must do so by
    itself.
    How to fix: Send less at once, or raise the MTU of the narrow link.
        tracepath -n DST
    """

    code = "MTU005"
    name = "df-too-big"
    level = Level.FATAL


class FragmentsDropped(Finding):
    """Fragments are dropped on the way.

    What it means: The packet must be fragmented, and a rule drops fragments.
    Why it matters: The whole packet is lost, though small ones pass.
    How to fix: Remove the rule, or avoid fragments by a smaller MTU.
        iptables-save | grep -E -- ' -f |--fragment'
    """

    code = "MTU006"
    name = "fragments-dropped"
    level = Level.CRITICAL


class MssClampMissing(Finding):
    """Nothing lowers the TCP segment size where the way gets narrower.

    What it means: A gateway to a narrower link (VPN, tunnel) relies on path MTU discovery alone.
    Why it matters: Wherever ICMP is filtered, large transfers hang.
    How to fix: Clamp the MSS on the gateway.
        iptables -t mangle -A FORWARD -p tcp --syn -o DEV -j TCPMSS --clamp-mss-to-pmtu
    """

    code = "MTU007"
    name = "mss-clamp-missing"
    level = Level.WARNING


FINDINGS: tuple[type[Finding], ...] = (
    MtuPodExceedsPath,
    MtuOverlayOverhead,
    MtuNodeMismatch,
    PmtudBlocked,
    DfTooBig,
    FragmentsDropped,
    MssClampMissing,
)
