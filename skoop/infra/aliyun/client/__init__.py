"""Asking Aliyun's API: read-only, over HTTPS, signed by the official SDK, sent by skoop."""

from skoop.infra.aliyun.client.actions import Action, Paging
from skoop.infra.aliyun.client.client import Client

__all__ = ["Action", "Client", "Paging"]
