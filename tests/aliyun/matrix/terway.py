"""Pods with addresses of the VPC: Terway's ENIIP with veth, and their backends."""

from __future__ import annotations

from tests.aliyun.matrix.case import DOWN, OK, Case
from tests.aliyun.matrix.lab import TABLE, Lab, web

CLIENT, CLB = "203.0.113.9", "47.2.0.1"


def terway(lab: Lab) -> None:
    lab.use_terway()


def unassigned(lab: Lab) -> None:
    lab.use_terway().enis["eni-p2"]["PrivateIpSets"]["PrivateIpSet"].pop()


def own_group(*rules: tuple[str, ...]) -> object:
    """The pods' interfaces on k2 are in a group of their own."""

    def change(lab: Lab) -> None:
        cloud = lab.use_terway()
        cloud.group("sg-p", "vpc-a")
        cloud.enis["eni-p2"]["SecurityGroupIds"] = {"SecurityGroupId": ["sg-p"]}
        for each in rules:
            cloud.rule("sg-p", "ingress", *each)

    return change


def eni_backends(number: int = 80) -> object:
    """The balancer hands packets to the pod's own interface."""

    def change(lab: Lab) -> None:
        cloud = lab.use_terway()
        backend = {"ServerId": "eni-p2", "ServerIp": "10.0.1.50", "Port": number, "Type": "eni"}
        cloud.clb_group("rsp-1", "lb-1", backend)
        cloud.rule("sg-1", "ingress", protocol="TCP", ports="80/80")
        lab.service = web(
            annotations={**web().annotations, "service.beta.kubernetes.io/backend-type": "eni"}
        )

    return change


CASES = (
    Case("terway-pods", "a1", "b1", terway),
    Case("terway-needs-no-pod-routes", "a1", "b1",
         lambda lab: (lab.use_terway(), lab.without_route("10.244.1.0/24", TABLE),
                      lab.without_route("10.244.2.0/24", TABLE))),
    Case("terway-node-to-pod", "k1", "b1", terway),
    Case("terway-pod-to-node", "a1", "k2", terway, port=22),
    Case("terway-address-not-assigned", "a1", "b1", unassigned, DOWN, "cloud-nic-pod-ip-unassigned",
         "vpc-a"),
    Case("terway-own-group-closed", "a1", "b1", own_group(), DOWN, "cloud-sg-empty|"
         "cloud-sg-no-ingress-rule|cloud-sg-pod-cidr-not-allowed", "sg-p"),
    Case("terway-own-group-open", "a1", "b1", own_group(("Accept", "TCP", "80/80"))),
    Case("terway-acl-of-the-pods-vswitch", "a1", "b1",
         lambda lab: (lab.use_terway(), lab.with_acl("vsw-2")), DOWN, "cloud-acl-ingress-deny",
         "nacl-vsw-2"),
    Case("clb-eni-backend", CLIENT, CLB, eni_backends(), seen=CLIENT),
    Case("clb-eni-backend-wrong-port", CLIENT, CLB, eni_backends(8080), DOWN,
         "cloud-lb-target-port-wrong", "rsp-1/eni-p2"),
    Case("clb-eni-backend-not-admitted", CLIENT, CLB,
         lambda lab: (eni_backends()(lab), lab.cloud.rules["sg-1"].pop()), DOWN,
         "cloud-sg-no-ingress-rule", "sg-1"),
    Case("clb-eni-backend-unhealthy", CLIENT, CLB,
         lambda lab: (eni_backends()(lab), lab.cloud.sick("lb-1", 80, "10.0.1.50")), DOWN,
         "cloud-lb-backend-unhealthy|cloud-lb-health-check-blocked", "rsp-1/eni-p2|sg-1"),
    Case("terway-out-by-vswitch", "a1", "8.8.8.8", terway, OK, port=443, seen="47.1.0.1"),
)  # fmt: skip
