"""Signing a request, by the official SDK's own composer (RPC style, HMAC-SHA1, version 1.0).

Only the composer is used. The SDK's client and credential chain are not: they prefer environment
variables to what they are given, speak plain HTTP by default and do not raise an error that comes
with status 200.
"""

from __future__ import annotations

from collections.abc import Mapping

from skoop.infra.aliyun.client.actions import Action
from skoop.infra.aliyun.credentials.base import Credentials


def signed(
    action: Action, parameters: Mapping[str, str], credentials: Credentials
) -> dict[str, str]:
    """All parameters of one attempt, with a new nonce, the time, and the signature of a POST."""
    from aliyunsdkcore.auth.composer.rpc_signature_composer import get_signed_url

    query = unsigned(action, parameters)
    if credentials.token:
        query["SecurityToken"] = credentials.token
    get_signed_url(query, credentials.key_id, credentials.secret, "JSON", "POST", {})
    return query


def unsigned(action: Action, parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a request that needs no signature (AssumeRoleWithOIDC)."""
    return {**parameters, "Action": action.name, "Version": action.version, "Format": "JSON"}
