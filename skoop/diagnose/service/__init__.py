"""Causes that lie in a Service: what it asks for, and what kube-proxy wrote."""

from skoop.diagnose.service.absent import unasked
from skoop.diagnose.service.causes import service_causes, stale_connection
from skoop.diagnose.service.masked import client_ip_lost

__all__ = ["client_ip_lost", "service_causes", "stale_connection", "unasked"]
