"""What kube-proxy wrote in iptables mode, compared with what it should have written."""

from skoop.service.iptables.audit import audit
from skoop.service.iptables.difference import Difference, DifferenceKind
from skoop.service.iptables.names import endpoint_chain, service_chain
from skoop.service.iptables.plan import PortPlan, plan_node
from skoop.service.iptables.rules import ProxyRules, compile_rules

__all__ = [
    "Difference",
    "DifferenceKind",
    "PortPlan",
    "ProxyRules",
    "audit",
    "compile_rules",
    "endpoint_chain",
    "plan_node",
    "service_chain",
]
