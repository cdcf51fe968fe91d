"""What kube-proxy wrote in nftables mode, compared with what it should have written."""

from skoop.service.nftables.audit import audit
from skoop.service.nftables.rules import NftRules, compile_rules

__all__ = ["NftRules", "audit", "compile_rules"]
