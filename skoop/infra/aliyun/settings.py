"""Aliyun's options, and the client they describe. Names of variables are the official tools'."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from skoop.errors import UsageError
from skoop.infra.options import Option, Origin, Settings

if TYPE_CHECKING:
    from skoop.infra.aliyun.client.client import Client
    from skoop.infra.aliyun.credentials.base import CredentialSource
    from skoop.infra.aliyun.credentials.login import Login


def _arn(value: str) -> str:
    return "" if re.fullmatch(r"acs:ram::\d+:role/.+", value) else "not the ARN of a RAM role"


def _file(value: str) -> str:
    return "" if Path(value).expanduser().is_file() else "no such file"


def _region(value: str) -> str:
    return "" if re.fullmatch(r"[a-z]{2,4}(-[a-z0-9]+)+", value) else "not the id of a region"


def _pairs(value: str) -> str:
    try:
        endpoints(value)
    except UsageError as error:
        return str(error).rstrip(".")
    return ""


OPTIONS = (
    Option(
        name="access-key-id",
        flag="--aliyun-access-key-id",
        environment="ALIBABA_CLOUD_ACCESS_KEY_ID",
        help="The id of an access key.",
        secret=True,
    ),
    Option(
        name="access-key-secret",
        flag="--aliyun-access-key-secret",
        environment="ALIBABA_CLOUD_ACCESS_KEY_SECRET",
        help="Its secret. Prefer the variable: other users of this machine can see flags.",
        secret=True,
    ),
    Option(
        name="security-token",
        flag="--aliyun-security-token",
        environment="ALIBABA_CLOUD_SECURITY_TOKEN",
        help="The token that goes with a temporary key.",
        secret=True,
    ),
    Option(
        name="role-arn",
        flag="--aliyun-role-arn",
        environment="ALIBABA_CLOUD_ROLE_ARN",
        help="A RAM role to assume.",
        check=_arn,
    ),
    Option(
        name="role-session-name",
        flag="--aliyun-role-session-name",
        environment="ALIBABA_CLOUD_ROLE_SESSION_NAME",
        help="What the role's session is called in audits; skoop.",
    ),
    Option(
        name="external-id",
        flag="--aliyun-external-id",
        environment="ALIBABA_CLOUD_EXTERNAL_ID",
        help="What the role's owner asks for besides.",
        secret=True,
    ),
    Option(
        name="oidc-provider-arn",
        flag="--aliyun-oidc-provider-arn",
        environment="ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
        help="The identity provider of a service account's role (RRSA).",
    ),
    Option(
        name="oidc-token-file",
        flag="--aliyun-oidc-token-file",
        environment="ALIBABA_CLOUD_OIDC_TOKEN_FILE",
        help="The file with the service account's token.",
    ),
    Option(
        name="ecs-ram-role",
        flag="--aliyun-ecs-ram-role",
        environment="ALIBABA_CLOUD_ECS_METADATA",
        help="The RAM role of the instance this runs on; auto: whichever it has.",
    ),
    Option(
        name="profile",
        flag="--aliyun-profile",
        environment="ALIBABA_CLOUD_PROFILE",
        help="A profile of the aliyun command line; its current one.",
    ),
    Option(
        name="config-file",
        flag="--aliyun-config-file",
        environment="ALIBABA_CLOUD_CONFIG_FILE",
        help="Its file; ~/.aliyun/config.json.",
    ),
    Option(
        name="region",
        flag="--aliyun-region",
        environment="ALIBABA_CLOUD_REGION_ID",
        help="Where to look when no node's providerID says.",
        check=_region,
    ),
    Option(
        name="endpoints",
        flag="--aliyun-endpoints",
        environment="SKOOP_ALIYUN_ENDPOINTS",
        help="Hosts to ask instead of the public ones: ecs=HOST[:PORT],...; * for all products.",
        check=_pairs,
    ),
    Option(
        name="ca-file",
        flag="--aliyun-ca-file",
        environment="SKOOP_ALIYUN_CA_FILE",
        help="Certificates to trust instead of the system's.",
        check=_file,
    ),
)


def endpoints(value: str) -> dict[str, str]:
    """Read "ecs=host,vpc=host:port". Raises UsageError."""
    found: dict[str, str] = {}
    for pair in filter(None, value.split(",")):
        product, _, host = (part.strip() for part in pair.partition("="))
        if not re.fullmatch(r"\*|[a-z]+", product) or not re.fullmatch(r"[\w.-]+(:\d+)?", host):
            raise UsageError("what stands there is not PRODUCT=HOST[:PORT],...")
        found[product] = host
    return found


def make_client(settings: Settings, debug: Callable[[str], None] | None) -> Client:
    """A client with the credentials that the settings lead to. Raises NoCredentials."""
    from skoop.infra.aliyun.client.client import Client, silent
    from skoop.infra.aliyun.client.endpoints import Endpoints
    from skoop.infra.aliyun.client.pace import RateLimit
    from skoop.infra.aliyun.client.transport import Transport
    from skoop.infra.aliyun.credentials.login import source_of
    from skoop.infra.aliyun.credentials.metadata import Metadata

    transport, limit = Transport(settings.get("ca-file", "")), RateLimit()
    hosts = Endpoints(endpoints(settings.get("endpoints", "")))

    def client_for(source: CredentialSource) -> Client:
        return Client(
            source, transport=transport, endpoints=hosts, limit=limit, debug=debug or silent
        )

    return client_for(source_of(login_of(settings), client_for, Metadata()))


def login_of(settings: Settings) -> Login:
    """The ways to log in. A key that is given by flags goes without what the environment says
    about another one: its token would not belong to it."""
    from skoop.infra.aliyun.credentials.login import Login

    said = {name: settings.get(name, "") for name in _LOGIN}
    if _origin(settings, "access-key-id") is Origin.FLAG:
        for name in ("security-token", "role-arn", "external-id"):
            if _origin(settings, name) is Origin.ENVIRONMENT:
                said[name] = ""
    return Login(**{field: said[name] for name, field in _LOGIN.items()})


_LOGIN = {
    "access-key-id": "key_id",
    "access-key-secret": "secret",
    "security-token": "token",
    "role-arn": "role_arn",
    "role-session-name": "session_name",
    "external-id": "external_id",
    "oidc-provider-arn": "oidc_provider_arn",
    "oidc-token-file": "oidc_token_file",
    "ecs-ram-role": "ecs_role",
    "profile": "profile",
    "config-file": "config_file",
}


def _origin(settings: Settings, name: str) -> Origin:
    value = settings.value(name) if name in settings else None
    return value.origin if value is not None and value.text else Origin.DEFAULT
