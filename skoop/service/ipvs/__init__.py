"""What kube-proxy wrote in ipvs mode, compared with what it should have written."""

from skoop.service.ipvs.audit import DEVICE, Written, audit

__all__ = ["DEVICE", "Written", "audit"]
