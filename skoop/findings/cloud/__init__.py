"""Causes in the cloud under the nodes."""

from __future__ import annotations

from skoop.findings.base import Finding
from skoop.findings.cloud import account, acl, balancer, group, nat, nic, route

_PARTS = (nic, group, acl, route, nat, balancer, account)
FINDINGS: tuple[type[Finding], ...] = tuple(each for part in _PARTS for each in part.FINDINGS)
