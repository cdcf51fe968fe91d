"""Causes in a pod and its sockets."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.model.disposition import Level


class PodNotRunning(Finding):
    """The pod is not in phase Running.

    What it means: The API server reports the pod as Pending, Succeeded, Failed or Unknown, so no
    process of it is there to send or to answer.
    Why it matters: Nothing listens on the pod's address. Until the pod runs, the network is not
    the problem.
    How to fix: See why it does not run; a Pending pod usually lacks a node, a volume or an image.
        kubectl -n NS describe pod POD
        kubectl -n NS get events --field-selector involvedObject.name=POD
    """

    code = "POD001"
    name = "pod-not-running"
    level = Level.FATAL


class ContainerNotReady(Finding):
    """A container of the pod is running but not ready.

    What it means: A readiness probe fails or a container has not started, so the pod's Ready
    condition is False.
    Why it matters: A pod that is not ready is taken out of its Services; connecting to its address
    directly may still work.
    How to fix: Read the probe's failure and the container's log.
        kubectl -n NS describe pod POD
        kubectl -n NS logs POD -c CONTAINER --tail=50
    """

    code = "POD002"
    name = "container-not-ready"
    level = Level.WARNING


class ReadinessGateFalse(Finding):
    """All containers are ready, but a readiness gate of the pod is not.

    What it means: `spec.readinessGates` names a condition that another controller must set to
    True, often one of a cloud load balancer, and it has not.
    Why it matters: The pod stays out of its Services although its containers are healthy.
    How to fix: Look at the condition, then at the log of the controller that owns it.
        kubectl -n NS get pod POD -o jsonpath='{.spec.readinessGates} {.status.conditions}'
    """

    code = "POD003"
    name = "readiness-gate-false"
    level = Level.WARNING


class PodTerminating(Finding):
    """The pod is being deleted.

    What it means: It has a deletionTimestamp. Its endpoint is marked terminating and most proxies
    stop sending new connections to it.
    Why it matters: New connections are refused or go to other endpoints; the address may soon
    belong to another pod.
    How to fix: Use the pod that replaced it. One that stays in Terminating is held by a finalizer
    or a node that is gone.
        kubectl -n NS get pod POD -o jsonpath='{.metadata.deletionTimestamp} {.metadata.finalizers}'
    """

    code = "POD004"
    name = "pod-terminating"
    level = Level.WARNING


class PodCrashLooping(Finding):
    """A container of the pod keeps crashing.

    What it means: The container is in CrashLoopBackOff: it exits soon after each start.
    Why it matters: Between two starts nothing listens, so connections are refused most of the time.
    How to fix: Read the log of the run that died.
        kubectl -n NS logs POD -c CONTAINER --previous --tail=50
    """

    code = "POD005"
    name = "pod-crash-looping"
    level = Level.CRITICAL


class PodNoIp(Finding):
    """The pod has no address.

    What it means: `status.podIP` is empty: the CNI plugin did not finish setting the pod up.
    Why it matters: There is no address to send to or from.
    How to fix: The event says what the plugin answered; a used-up address range is a common cause.
        kubectl -n NS describe pod POD
        journalctl -u kubelet --since -15min | grep -i cni      # on the pod's node
    """

    code = "POD006"
    name = "pod-no-ip"
    level = Level.FATAL


class PodDuplicateIp(Finding):
    """Two pods have the same address.

    What it means: Two running pods report one IP, or two namespaces of a node carry it: the
    plugin's address book (host-local files, an IPAM block) disagrees with what is in use.
    Why it matters: Packets reach whichever of the two answered the last neighbour request, so
    connections fail or end up at the wrong workload.
    How to fix: Delete one of the pods; it gets another address. Then look at the address book.
        kubectl get pods -A -o wide | grep -w IP
        ls /var/lib/cni/networks/*/IP                          # host-local, on the node
    """

    code = "POD007"
    name = "pod-duplicate-ip"
    level = Level.CRITICAL


class NothingListening(Finding):
    """No process listens on the destination port.

    What it means: The packet arrives in the right network namespace, and there is no socket for
    its protocol and port.
    Why it matters: The kernel answers TCP with a reset ("connection refused") and UDP with an ICMP
    port unreachable. The network works; the application does not.
    How to fix: Compare the port with what the process really opened.
        kubectl -n NS exec POD -- ss -lntu
        nsenter -t PID -n ss -lntup                            # on the node, when ss is not there
    """

    code = "POD008"
    name = "nothing-listening"
    level = Level.FATAL


class LoopbackOnlyListener(Finding):
    """The process listens on 127.0.0.1 or ::1 only.

    What it means: The port is open, but bound to the loopback address of the namespace.
    Why it matters: The kernel looks a socket up by destination address as well; what comes from
    outside is refused, while a test from inside the pod succeeds.
    How to fix: Let the application bind to 0.0.0.0 (or ::), often a setting such as
    `--host 0.0.0.0` or `listen_addresses = '*'`.
        kubectl -n NS exec POD -- ss -lnt
    """

    code = "POD009"
    name = "loopback-only-listener"
    level = Level.FATAL


class WrongProtocolListener(Finding):
    """Something listens on the port, but for another protocol or IP version.

    What it means: The socket is UDP and the packet TCP (or the other way round), or it is IPv4
    only and the packet IPv6.
    Why it matters: The port looks open in a list of sockets, and every connection is refused.
    How to fix: Correct `protocol` in the Service or the client, or make the process listen on both.
        kubectl -n NS exec POD -- ss -lntu
    """

    code = "POD010"
    name = "wrong-protocol-listener"
    level = Level.FATAL


class WrongAddressListener(Finding):
    """The process listens on another address of its namespace.

    What it means: The port is open, but the socket is bound to one address and the packet is for a
    different one.
    Why it matters: For the packet's address there is no listener, so it is refused.
    How to fix: Bind to 0.0.0.0 or ::, or to the address clients use. After a pod got a new address
    this happens when the old one was written into a configuration file.
        kubectl -n NS exec POD -- ss -lntu
    """

    code = "POD011"
    name = "wrong-address-listener"
    level = Level.FATAL


class AcceptQueueFull(Finding):
    """The listener's accept queue is full.

    What it means: The process takes connections more slowly than they come: Recv-Q of the
    listening socket has reached its backlog.
    Why it matters: The kernel drops new SYNs, which clients see as time-outs that come and go.
    How to fix: Find out why the process does not accept (blocked, throttled CPU), then raise its
    backlog and `net.core.somaxconn`.
        kubectl -n NS exec POD -- ss -lnt 'sport = :PORT'
        kubectl -n NS exec POD -- nstat -az TcpExtListenOverflows
    """

    code = "POD012"
    name = "accept-queue-full"
    level = Level.CRITICAL


class SidecarRedirectBroken(Finding):
    """The pod redirects its traffic to a sidecar that does not listen.

    What it means: Rules in the pod's own namespace (such as istio-init's) send connections to a
    local proxy port, and nothing is open there.
    Why it matters: Every connection into or out of the pod is refused, whatever the application
    does.
    How to fix: Bring the sidecar up, or recreate the pod without injection.
        kubectl -n NS get pod POD -o jsonpath='{.status.containerStatuses[*].name}'
        nsenter -t PID -n iptables-save -t nat                 # on the pod's node
    """

    code = "POD013"
    name = "sidecar-redirect-broken"
    level = Level.FATAL


class HostportConflict(Finding):
    """A hostPort is claimed twice, or by a process of the node.

    What it means: The port of the node is mapped to a pod, and another pod or a process of the
    node uses the same one.
    Why it matters: The rule that comes first takes the traffic; the other one never sees it.
    How to fix: Give one of the two another hostPort, or use a Service.
        iptables -t nat -S | grep -E 'CNI-HOSTPORT-DNAT|--dport PORT'
        ss -lntup 'sport = :PORT'
    """

    code = "POD014"
    name = "hostport-conflict"
    level = Level.CRITICAL


FINDINGS: tuple[type[Finding], ...] = (
    PodNotRunning,
    ContainerNotReady,
    ReadinessGateFalse,
    PodTerminating,
    PodCrashLooping,
    PodNoIp,
    PodDuplicateIp,
    NothingListening,
    LoopbackOnlyListener,
    WrongProtocolListener,
    WrongAddressListener,
    AcceptQueueFull,
    SidecarRedirectBroken,
    HostportConflict,
)
