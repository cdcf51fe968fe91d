"""What kube-proxy wrote in iptables mode, compared with what it should have written."""

from skoop.service.difference import Difference, DifferenceKind
from skoop.service.iptables.audit import audit
from skoop.service.iptables.names import endpoint_chain, service_chain
from skoop.service.iptables.rules import ProxyRules, compile_rules
from skoop.service.plan import PortPlan, plan_node

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
