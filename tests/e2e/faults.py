"""What can break in a cluster: how it is broken and mended, and the cause to be named first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e import kube, workload
from tests.e2e.site import Place, Site, pod_address, service
from tests.e2e.workload import POD_PORT, UNREADY

Break = Callable[[Site], Callable[[], object]]
"""Breaks something and returns what mends it."""


@dataclass(frozen=True)
class Question:
    """What is asked while it is broken. `address` None: the Service's cluster address."""

    source: Callable[[Site], Place]
    destination: str
    address: Callable[[Site], str]
    port: Callable[[Site], int]
    protocol: str = "tcp"


@dataclass(frozen=True)
class Fault:
    """One fault. `causes` are the names any of which says it; `own` needs the cluster of this
    machine."""

    breaks: Break
    causes: tuple[str, ...]
    question: Question
    own: bool = False


def _client(site: Site) -> Place:
    return site.pod("client")


def to_pod(name: str, source: Callable[[Site], Place] = _client) -> Question:
    return Question(source, f"pod/e2e/{name}", lambda _: pod_address(name), lambda _: POD_PORT)


def to_service(name: str, port: int = 80) -> Question:
    return Question(
        _client,
        f"svc/e2e/{name}",
        lambda _: str(service(name)["clusterIP"]),
        lambda _: port,
    )


def node_port(name: str, node: Callable[[Site], str]) -> Question:
    """From outside to a Service's node port."""
    return Question(
        lambda site: site.client,
        "",
        lambda site: site.addresses[node(site)],
        lambda _: int(service(name)["ports"][0]["nodePort"]),
    )


def on_a(script: str, mend: str) -> Break:
    """Shell scripts on the client's node."""
    return _scripts(lambda site: site.a, script, mend)


def on_b(script: str, mend: str) -> Break:
    """Shell scripts on the other node."""
    return _scripts(lambda site: site.b, script, mend)


def _scripts(node: Callable[[Site], str], script: str, mend: str) -> Break:
    def breaks(site: Site) -> Callable[[], object]:
        values = _values(site)
        where = node(site)
        site.shell(where, script.format(**values))
        return lambda: site.shell(where, mend.format(**values))

    return breaks


def _values(site: Site) -> dict[str, str]:
    """What scripts may name."""
    far = pod_address("far")
    subnet = kube.get("node", site.b)["spec"]["podCIDR"]
    mac = site.on(site.b, "cat", "/sys/class/net/flannel.1/address", check=False).strip()
    index = kube.run_in("far", "cat", "/sys/class/net/eth0/iflink").strip()
    links = site.on(
        site.b, "sh", "-c", "grep -l ^IDX$ /sys/class/net/*/ifindex".replace("IDX", index)
    )
    return {
        "far": far,
        "far_node": site.addresses[site.b],
        "subnet": subnet,
        "vtep": subnet.split("/")[0],
        "mac": mac,
        "veth": links.split("/")[4] if links else "",
    }


def stopped_agent(namespace: str, name: str, then: Callable[[Site], None] | None = None) -> Break:
    """A DaemonSet whose pods crash on every node, and what happens meanwhile."""

    def restart(command: list[str]) -> None:
        place = "/spec/template/spec/containers/0/command"
        patch = json.dumps([{"op": "replace", "path": place, "value": command}])
        kube.kubectl("patch", "daemonset", name, "-n", namespace, "--type", "json", "-p", patch)
        labels = kube.get("daemonset", name, "-n", namespace)["spec"]["selector"]["matchLabels"]
        chosen = ",".join(f"{key}={value}" for key, value in labels.items())
        kube.kubectl("delete", "pods", "-n", namespace, "-l", chosen, "--wait=true")

    def ready() -> tuple[int, int]:
        status = kube.get("daemonset", name, "-n", namespace)["status"]
        return int(status.get("numberReady", 0)), int(status["desiredNumberScheduled"])

    def breaks(site: Site) -> Callable[[], object]:
        pod = kube.get("daemonset", name, "-n", namespace)["spec"]["template"]["spec"]
        good = pod["containers"][0]["command"]
        restart(["false"])
        kube.until(f"{name} to end", lambda: ready()[0] == 0)
        if then:
            then(site)

        def mend() -> None:
            restart(good)
            kube.until(f"{name} to start", lambda: len(set(ready())) == 1)

        return mend

    return breaks


def moved(site: Site) -> None:
    """Both servers of `web` are made anew, with other addresses."""
    kube.delete("pod", "near", "far")
    tier = {"tier": "web"}
    kube.apply(
        workload.server("near", site.a, labels=tier), workload.server("far", site.b, labels=tier)
    )
    kube.until("new servers", lambda: kube.ready("tier=web"))


def unready(*pods: str) -> Break:
    """Pods whose readiness probe fails."""

    def breaks(_: Site) -> Callable[[], object]:
        for pod in pods:
            kube.run_in(pod, "touch", UNREADY)
        kube.until("unready pods", lambda: not any(kube.ready(f"app={pod}") for pod in pods))

        def mend() -> None:
            for pod in pods:
                kube.run_in(pod, "rm", UNREADY)
            kube.until("ready pods", kube.ready)

        return mend

    return breaks


def with_objects(*objects: kube.Object) -> Break:
    """Objects that are wrong, or allow nothing."""

    def breaks(_: Site) -> Callable[[], object]:
        kube.apply(*objects)
        return lambda: [kube.delete(each["kind"], each["metadata"]["name"]) for each in objects]

    return breaks


def stopped_kubelet(site: Site) -> Callable[[], object]:
    """The kubelet of the far node stops; its pods go on."""
    folder = kube.own_machine()
    if folder is None:
        raise RuntimeError("only on the cluster of this machine")
    stop = folder / site.b / "kubelet.stopped"
    stop.touch()
    process = (folder / site.b / "kubelet.pid").read_text().strip()
    site.on(site.b, "kill", "-9", process, check=False)
    kube.until("a NotReady node", lambda: not _node_ready(site.b), 60)

    def mend() -> None:
        stop.unlink()
        kube.until("a Ready node", lambda: _node_ready(site.b))
        kube.until("ready pods", kube.ready)

    return mend


def _node_ready(name: str) -> bool:
    conditions = kube.get("node", name, "-A")["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def policy(name: str, pod: str) -> kube.Object:
    """A NetworkPolicy that allows a pod nothing."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": kube.NAMESPACE},
        "spec": {"podSelector": {"matchLabels": {"app": pod}}, "policyTypes": ["Ingress"]},
    }


@contextmanager
def broken(fault: Fault, site: Site) -> Iterator[None]:
    """The fault, mended at the end."""
    mend = fault.breaks(site)
    try:
        yield
    finally:
        mend()


_TIER = {"tier": "web"}
_WRONG_PORT = [{"name": "web", "port": 80, "targetPort": 9999}]

FAULTS: dict[str, Fault] = {
    "deleted-fdb-entry": Fault(
        on_a(
            "bridge fdb del {mac} dev flannel.1",
            "bridge fdb replace {mac} dev flannel.1 dst {far_node} self permanent",
        ),
        ("fdb-missing",),
        to_pod("far"),
    ),
    "wrong-fdb-entry": Fault(
        on_a(
            "bridge fdb replace {mac} dev flannel.1 dst 172.30.0.99 self permanent",
            "bridge fdb replace {mac} dev flannel.1 dst {far_node} self permanent",
        ),
        ("tunnel-remote-wrong",),
        to_pod("far"),
    ),
    "deleted-pod-network-route": Fault(
        on_a(
            "ip route del {subnet}",
            "ip route replace {subnet} via {vtep} dev flannel.1 onlink",
        ),
        ("route-missing",),
        to_pod("far"),
    ),
    "blackhole-route": Fault(
        on_a("ip route add blackhole {far}/32", "ip route del blackhole {far}/32"),
        ("route-blackhole",),
        to_pod("far"),
    ),
    "wrong-neighbour": Fault(
        on_a(
            "ip neigh replace {vtep} lladdr 02:00:00:00:00:99 dev flannel.1 nud permanent",
            "ip neigh replace {vtep} lladdr {mac} dev flannel.1 nud permanent",
        ),
        ("neighbour-wrong-mac",),
        to_pod("far"),
    ),
    "tunnel-down": Fault(
        on_b("ip link set flannel.1 down", "ip link set flannel.1 up; kill $(pidof flanneld)"),
        ("tunnel-down",),
        to_pod("far"),
    ),
    "tunnel-port-blocked": Fault(
        on_b(
            "iptables -I INPUT -p udp --dport 8472 -j DROP",
            "iptables -D INPUT -p udp --dport 8472 -j DROP",
        ),
        ("underlay-port-blocked",),
        to_pod("far"),
    ),
    "veth-down": Fault(
        on_b("ip link set {veth} down", "ip link set {veth} up"),
        ("veth-peer-down", "link-down"),
        to_pod("far"),
    ),
    "bridge-port-detached": Fault(
        on_b("ip link set {veth} nomaster", "ip link set {veth} master cni0"),
        ("bridge-port-unattached",),
        to_pod("far"),
    ),
    "bridge-down": Fault(
        on_b("ip link set cni0 down", "ip link set cni0 up"),
        ("bridge-down",),
        to_pod("far"),
    ),
    "forwarding-off": Fault(
        on_b("sysctl -qw net.ipv4.ip_forward=0", "sysctl -qw net.ipv4.ip_forward=1"),
        ("ip-forward-off",),
        to_pod("far"),
    ),
    "drop-in-forward": Fault(
        on_b("iptables -I FORWARD -d {far} -j DROP", "iptables -D FORWARD -d {far} -j DROP"),
        ("filter-drop",),
        to_pod("far"),
    ),
    "reject-in-forward": Fault(
        on_b("iptables -I FORWARD -d {far} -j REJECT", "iptables -D FORWARD -d {far} -j REJECT"),
        ("filter-reject",),
        to_pod("far"),
    ),
    "foreign-nftables-table": Fault(
        on_b(
            "nft -f - <<E\n"
            "table inet corp {{\n chain f {{\n"
            " type filter hook forward priority 10; policy accept;\n"
            " ip daddr {far} tcp dport 8080 drop\n }}\n}}\nE",
            "nft delete table inet corp",
        ),
        ("foreign-firewall", "filter-drop"),
        to_pod("far"),
    ),
    "pod-without-default-route": Fault(
        lambda site: _in_pod(site, "far", "ip route del default", "ip route add default via {gw}"),
        ("pod-default-route-missing", "return-route-missing"),
        to_pod("far"),
    ),
    "loopback-only-listener": Fault(
        lambda _: lambda: None, ("loopback-only-listener",), to_pod("shy")
    ),
    "stopped-kube-proxy-and-new-endpoints": Fault(
        stopped_agent("kube-system", "kube-proxy", moved),
        ("proxy-not-running", "proxy-rules-stale"),
        to_service("web"),
    ),
    "flannel-gone": Fault(
        stopped_agent("kube-flannel", "kube-flannel-ds"),
        ("cni-agent-not-ready", "node-agent-down"),
        to_pod("far"),
    ),
    "no-ready-endpoint": Fault(
        unready("near", "far"), ("endpoints-all-unready",), to_service("web")
    ),
    "unready-pod": Fault(unready("far"), ("container-not-ready",), to_pod("far")),
    "policy-without-engine": Fault(
        with_objects(policy("nothing", "far")), ("cni-not-enforcing",), to_pod("far")
    ),
    "wrong-target-port": Fault(
        with_objects(workload.service("wrong", _TIER, ports=_WRONG_PORT)),
        ("targetport-mismatch",),
        to_service("wrong"),
    ),
    "selector-of-nothing": Fault(
        with_objects(workload.service("empty", {"app": "nobody"})),
        ("selector-matches-nothing",),
        to_service("empty"),
    ),
    "undefined-port": Fault(
        lambda _: lambda: None, ("service-port-undefined",), to_service("web", 81)
    ),
    "local-traffic-policy-without-endpoint": Fault(
        with_objects(
            workload.service(
                "local", {"app": "far"}, type="NodePort", externalTrafficPolicy="Local"
            )
        ),
        ("etp-local-no-endpoint",),
        node_port("local", lambda site: site.a),
    ),
    "internal-policy-without-endpoint": Fault(
        with_objects(workload.service("inner", {"app": "far"}, internalTrafficPolicy="Local")),
        ("itp-local-no-endpoint",),
        to_service("inner"),
    ),
    "kubelet-stopped": Fault(stopped_kubelet, ("node-not-ready",), to_pod("far"), own=True),
}


def _in_pod(site: Site, pod: str, script: str, mend: str) -> Callable[[], object]:
    """Scripts in a pod's network namespace; {gw} is its gateway."""
    node = str(kube.get("pod", pod)["spec"]["nodeName"])
    uid = str(kube.get("pod", pod)["metadata"]["uid"])
    gateway = kube.run_in(pod, "sh", "-c", "ip route show default").split()[2]
    find = f"grep -l {uid} /proc/[0-9]*/cgroup | head -n 1 | cut -d/ -f3"
    process = site.shell(node, find).strip()

    def run(text: str) -> None:
        site.shell(node, f"nsenter -t {process} -n {text.format(gw=gateway)}")

    run(script)
    return lambda: run(mend)
