"""A cluster of two nodes on a described Aliyun, healthy until a case changes something.

k1 is instance i-1, 10.0.0.1 in vSwitch vsw-1 (zone h); k2 is i-2, 10.0.1.2 in vsw-2 (zone i). Both
are in the basic group sg-1, whose members may talk; it admits the pods' network. Pods a1
(10.244.1.2) and b1 (10.244.2.2) listen on tcp 80 and udp 53, the nodes on tcp 22. The way between
pods of different nodes is the VPC's route table, as flannel's alloc backend makes it. A NAT gateway
leads out. Service shop/web is node port 30080 on both nodes; b1 is behind it; 47.2.0.1 is its
classic load balancer.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from skoop.diagnose.world import Machine, World
from skoop.infra.aliyun.record import Memory
from skoop.model.address import format_ip, parse_ip, parse_prefix
from skoop.model.diagnosis import Diagnosis
from skoop.model.kube import (
    Condition,
    EndpointPort,
    EndpointSlice,
    Ingress,
    Inventory,
    Node,
    NodeAddress,
    Pod,
    Service,
    ServicePort,
    SliceEndpoint,
    build_inventory,
)
from skoop.model.request import Overrides, Request
from skoop.netstack.state import Link, Namespace, PolicyRule
from skoop.network.aliyun import network_over
from skoop.network.base import Collected, Context, Network
from skoop.network.session import Session
from skoop.service.iptables.names import CLUSTER, EXTERNAL, LOCAL, endpoint_chain, service_chain
from skoop.service.view import ServiceEndpoint
from tests.aliyun.asking import direct
from tests.aliyun.double import Cloud, Server
from tests.netstack.builders import bridge, iptables, link, listen, namespace, neighbour, port, rule

VPC, TABLE = "vpc-a", "vtb-vpc-a"
NODES = {"k1": ("i-1", "10.0.0.1", "vsw-1"), "k2": ("i-2", "10.0.1.2", "vsw-2")}
PODS = {"a1": ("k1", "10.244.1.2"), "b1": ("k2", "10.244.2.2")}
ENDS = {
    "a1": "pod/t/a1",
    "b1": "pod/t/b1",
    "k1": "node/k1",
    "k2": "node/k2",
    "web": "svc/shop/web",
}
LB_ID = "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-id"
_READY = (Condition("Ready", "True"),)


Entry = tuple[str, str, str, str]


class Lab:
    """A described cloud and the cluster in it. Changes are made to its parts before `ask`."""

    def __init__(self) -> None:
        self.cloud = healthy()
        self.server = Server(self.cloud)
        self.external_ips: dict[str, str] = {}
        self.provider_id = "alicloud://cn-hangzhou.{}"
        self.service: Service | None = web()
        self.nodes = dict(NODES)
        self.pods = dict(PODS)
        self.terway = False

    # --- the cluster ---------------------------------------------------------------------------

    def inventory(self) -> Inventory:
        nodes = [self._node(name) for name in self.nodes]
        pods = [
            Pod(
                namespace="t",
                name=name,
                node=node,
                phase="Running",
                conditions=_READY,
                ips=(parse_ip(ip),),
                labels={"app": "web"} if name == "b1" else {},
            )
            for name, (node, ip) in self.pods.items()
        ]
        slices = [_slice(self.pods["b1"][1])] if self.service else []
        services = [self.service] if self.service else []
        return build_inventory(nodes=nodes, pods=pods, services=services, endpoint_slices=slices)

    def _node(self, name: str) -> Node:
        instance, ip, _ = self.nodes[name]
        addresses = [NodeAddress("InternalIP", parse_ip(ip))]
        if name in self.external_ips:
            addresses.append(NodeAddress("ExternalIP", parse_ip(self.external_ips[name])))
        return Node(
            name=name,
            provider_id=self.provider_id.format(instance),
            addresses=tuple(addresses),
            pod_cidrs=() if self.terway else (parse_prefix(f"10.244.{name[1]}.0/24"),),
            ready=True,
            conditions=_READY,
        )

    def machines(self) -> dict[str, Machine]:
        return {
            name: Machine(
                name,
                self._host(name),
                tuple(self._pod(pod) for pod, (node, _) in self.pods.items() if node == name),
            )
            for name in self.nodes
        }

    def _host(self, name: str) -> Namespace:
        _, ip, _ = self.nodes[name]
        number = int(name[1])
        gateway = ip.rpartition(".")[0] + ".253"
        mac = "00:16:3e:" + ":".join(f"{int(part):02x}" for part in ip.split(".")[1:])
        return namespace(
            f"node/{name}",
            inode=number * 100,
            nsids=((1, number * 100 + 1),),
            links=(link("eth0", 2, kind="", mac=mac), *self._pod_links(number)),
            addresses=(
                f"{ip}/24 eth0",
                *(() if self.terway else (f"10.244.{number}.1/24 cni0",)),
            ),
            routes=(
                f"default via {gateway} dev eth0",
                *(_eni_routes(number) if self.terway else ()),
            ),
            rules=_eni_rules(number) if self.terway else (),
            sockets=(listen("tcp *:22"), listen("udp *:53")),
            rulesets=(self._rules(name),),
            sysctls={"net.bridge.bridge-nf-call-iptables": "1"},
        )

    def _pod_links(self, number: int) -> tuple[Link, ...]:
        """The host's side of its pod: a bridge, or Terway's second interface and a bare veth."""
        if self.terway:
            mac = f"00:16:3e:00:{number - 1:02x}:28"
            return (
                link("eth1", 3, kind="", mac=mac),
                link("cali1", 11, mac=f"ee:ee:ee:ee:ee:{number:02x}", peer_index=2, peer_nsid=1),
            )
        return (
            bridge("cni0", 3, mac=f"02:00:00:00:cc:{number:02x}"),
            port("veth1", 11, "cni0", 2, 1, hairpin=True),
        )

    def _pod(self, name: str) -> Namespace:
        node, ip = self.pods[name]
        number = int(node[1])
        length, gateway = (32, "169.254.1.1") if self.terway else (24, f"10.244.{number}.1")
        routes = (f"default via {gateway} dev eth0",)
        if self.terway:
            routes = ("169.254.1.1 dev eth0 scope link", *routes)
        mac = f"ee:ee:ee:ee:ee:{number:02x}"
        return namespace(
            f"pod/t/{name}",
            inode=number * 100 + 1,
            nsids=((0, number * 100),),
            links=(link("eth0", 2, mac=f"02:00:00:0{number}:00:01", peer_index=11, peer_nsid=0),),
            addresses=(f"{ip}/{length} eth0",),
            routes=routes,
            neighbours=(neighbour(gateway, "eth0", mac),) if self.terway else (),
            sockets=(listen("tcp *:80"), listen("udp *:53")),
        )

    def _rules(self, name: str) -> Any:
        """kube-proxy's rules for shop/web, and flannel's masquerading of what leaves the VPC."""
        rules = [
            *(f"-t nat -A {hook} -j KUBE-SERVICES" for hook in ("PREROUTING", "OUTPUT")),
            "-t nat -A POSTROUTING -j KUBE-POSTROUTING",
            "-t nat -A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
            "-t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN",
            "-t nat -A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0",
            "-t nat -A KUBE-POSTROUTING -j MASQUERADE",
        ]
        if not self.terway:
            rules += [
                "-t nat -A POSTROUTING -j FLANNEL-POSTRTG",
                "-t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 -d 10.0.0.0/8 -j RETURN",
                "-t nat -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE",
            ]
        if self.service is not None:
            rules += _service_rules(self.service, name, self.pods["b1"][1])
        rules.append("-t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS")
        return iptables(*rules)

    # --- changes that touch both -----------------------------------------------------------------

    def move(self, name: str, ip: str, vswitch: str, groups: tuple[str, ...] = ("sg-1",)) -> None:
        """Put a node's instance somewhere else."""
        instance, _, _ = self.nodes[name]
        self.nodes[name] = instance, ip, vswitch
        self.cloud.instance(instance, vswitch, ip, groups)

    def use_terway(self) -> Cloud:
        """Pods have addresses of the VPC, on second interfaces of their nodes, as Terway's ENIIP
        with veth makes it: eni-p1 has a1's 10.0.0.50, eni-p2 b1's 10.0.1.50."""
        self.terway = True
        self.pods = {"a1": ("k1", "10.0.0.50"), "b1": ("k2", "10.0.1.50")}
        for number in (1, 2):
            net = f"10.0.{number - 1}"
            self.cloud.eni(
                f"eni-p{number}", f"vsw-{number}", (f"{net}.40", f"{net}.50"), ("sg-1",),
                instance=f"i-{number}",
            )  # fmt: skip
        return self.cloud

    def groups(self, name: str, *groups: str) -> None:
        """Change a node's groups."""
        instance, _, _ = self.nodes[name]
        held = {"SecurityGroupId": list(groups)}
        self.cloud.instances[instance]["SecurityGroupIds"] = held
        self.cloud.enis[f"eni-{instance}"]["SecurityGroupIds"] = held

    def split(self, kind: str = "normal") -> Cloud:
        """Put k2 into a group of its own, sg-2, without rules; with enterprise groups k1 too, in
        sg-e. Gives the cloud, for rules to be added."""
        self.cloud.group("sg-2", VPC, kind=kind)
        self.groups("k2", "sg-2")
        if kind == "enterprise":
            self.cloud.group("sg-e", VPC, kind=kind)
            self.groups("k1", "sg-e")
        return self.cloud

    def without_route(self, destination: str, table: str = TABLE) -> Cloud:
        """Take entries out of a table."""
        self.cloud.routes = [
            one
            for one in self.cloud.routes
            if (one["DestinationCidrBlock"], one["RouteTableId"]) != (destination, table)
        ]
        return self.cloud

    def with_acl(
        self, vswitch: str, ingress: tuple[Entry, ...] = (), egress: tuple[Entry, ...] = ()
    ) -> None:
        """Bind a new network ACL "nacl-<vSwitch>" to a vSwitch."""
        acl = self.cloud.acl(f"nacl-{vswitch}", VPC, ingress=ingress, egress=egress)
        self.cloud.vswitches[vswitch]["NetworkAclId"] = acl
        self.cloud.acls[acl]["Resources"]["Resource"].append(
            {"ResourceId": vswitch, "ResourceType": "VSwitch", "Status": "BINDED"}
        )

    # --- the question --------------------------------------------------------------------------

    def network(self, context: Context) -> Network:
        """The network over this lab's double."""
        return network_over(context, Memory(direct(self.server)))

    def ask(self, src: str, dst: str, number: int = 80, protocol: str = "tcp") -> Diagnosis:
        """The answer to one question between "a1", "k2", "web", addresses."""
        machines = self.machines()
        collected = Collected(self.inventory(), machines, World.of(machines.values()), ())
        request = Request(
            src=ENDS.get(src, src),
            dst=ENDS.get(dst, dst),
            port=None if protocol == "icmp" else number,
            protocol=protocol,
            overrides=Overrides(network_plugin="terway" if self.terway else "kindnet"),
        )
        return Session(collected, self.network).diagnose(request)


def _service_rules(service: Service, node: str, pod: str) -> list[str]:
    """One Service port with one endpoint on k2 (pkg/proxy/iptables/proxier.go)."""
    only = service.ports[0]
    svc, svl, ext = (service_chain(kind, service, only) for kind in (CLUSTER, LOCAL, EXTERNAL))
    sep = endpoint_chain(service, only, ServiceEndpoint(address=parse_ip(pod), port=80))
    local = service.external_traffic_policy == "Local"
    nat = "-t nat -A"
    rules = [
        f"{nat} KUBE-SERVICES -d {format_ip(*ip)}/32 -p tcp -m tcp --dport 80 -j {svc}"
        for ip in service.cluster_ips
    ]
    rules += [
        f"{nat} KUBE-SERVICES -d {format_ip(*ip)}/32 -p tcp -m tcp --dport 80 -j {ext}"
        for ip in service.load_balancer_ips
    ]
    rules.append(f"{nat} KUBE-NODEPORTS -p tcp -m tcp --dport {only.node_port} -j {ext}")
    if local:
        rules += [
            f"{nat} {ext} -s 10.244.0.0/16 -j {svc}",
            f"{nat} {ext} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
            f"{nat} {ext} -m addrtype --src-type LOCAL -j {svc}",
        ]
        if node == "k2":
            rules += [f"{nat} {ext} -j {svl}", f"{nat} {svl} -j {sep}"]
        else:
            rules.append(f"-A INPUT -p tcp -m tcp --dport {only.node_port} -j DROP")
    else:
        rules += [f"{nat} {ext} -j KUBE-MARK-MASQ", f"{nat} {ext} -j {svc}"]
    return [
        *rules,
        f"{nat} {svc} ! -s 10.244.0.0/16 -d 172.21.0.10/32 -p tcp -m tcp --dport 80 "
        "-j KUBE-MARK-MASQ",
        f"{nat} {svc} -j {sep}",
        f"{nat} {sep} -s {pod}/32 -j KUBE-MARK-MASQ",
        f"{nat} {sep} -p tcp -m tcp -j DNAT --to-destination {pod}:80",
    ]


def _eni_routes(number: int) -> tuple[str, ...]:
    """The pod's own route, and the table of its interface (1000 + index)."""
    net = f"10.0.{number - 1}"
    return (f"{net}.50 dev cali1 scope link", f"default via {net}.253 dev eth1 onlink table 1003")


def _eni_rules(number: int) -> tuple[PolicyRule, ...]:
    pod = f"10.0.{number - 1}.50/32"
    return (
        rule(512, destination=pod, target="main"),
        rule(2048, source=pod, iif="cali1", target="1003"),
    )


def healthy() -> Cloud:
    """The cloud in which everything works."""
    cloud = Cloud()
    cloud.vpc(VPC, "10.0.0.0/16")
    cloud.vswitch("vsw-1", VPC, "10.0.0.0/24", zone="h")
    cloud.vswitch("vsw-2", VPC, "10.0.1.0/24", zone="i")
    cloud.group("sg-1", VPC)
    cloud.rule("sg-1", "ingress", peer="10.244.0.0/16")
    cloud.rule("sg-1", "ingress", protocol="TCP", ports="30000/32767")
    for instance, ip, vswitch in NODES.values():
        cloud.instance(instance, vswitch, ip, ("sg-1",))
    cloud.route(TABLE, "10.244.1.0/24", instance="i-1")
    cloud.route(TABLE, "10.244.2.0/24", instance="i-2")
    cloud.nat("ngw-1", VPC, ips=("47.1.0.1",))
    cloud.route(TABLE, "0.0.0.0/0", nat="ngw-1")
    cloud.snat("ngw-1", "47.1.0.1", vswitch="vsw-1")
    cloud.snat("ngw-1", "47.1.0.1", vswitch="vsw-2")
    cloud.clb("lb-1", "47.2.0.1")
    cloud.clb_group("rsp-1", "lb-1", ("i-1", 30080), ("i-2", 30080))
    cloud.clb_listener("lb-1", 80, group="rsp-1")
    return cloud


def web(**changes: Any) -> Service:
    """shop/web: port 80 by node port 30080."""
    made = Service(
        namespace="shop",
        name="web",
        type="LoadBalancer",
        cluster_ips=(parse_ip("172.21.0.10"),),
        ports=(ServicePort(port=80, target_port=80, node_port=30080),),
        selector={"app": "web"},
        ingress=(Ingress(ip=parse_ip("47.2.0.1")),),
        annotations={LB_ID: "lb-1"},
    )
    return replace(made, **changes)


def _slice(pod: str) -> EndpointSlice:
    return EndpointSlice(
        namespace="shop",
        name="web-1",
        service="web",
        ports=(EndpointPort(port=80),),
        endpoints=(
            SliceEndpoint(addresses=(parse_ip(pod),), node="k2", target=("Pod", "t", "b1")),
        ),
    )
