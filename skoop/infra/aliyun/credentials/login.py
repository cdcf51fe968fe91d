"""What the user said about credentials, and the source that follows from it.

Names of environment variables are those of the official tools:
https://github.com/aliyun/credentials-python (default provider chain).
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from skoop.infra.aliyun.client.client import Client
from skoop.infra.aliyun.client.errors import NoCredentials
from skoop.infra.aliyun.credentials.base import Credentials, CredentialSource, Fixed
from skoop.infra.aliyun.credentials.configfile import read_profile
from skoop.infra.aliyun.credentials.metadata import EcsRole, Metadata
from skoop.infra.aliyun.credentials.roles import AssumedRole, OidcRole


class Login(Struct, frozen=True, kw_only=True):
    """All ways to log in at once; "" where nothing was said."""

    key_id: str = ""
    secret: str = ""
    token: str = ""
    role_arn: str = ""
    session_name: str = ""
    external_id: str = ""
    oidc_provider_arn: str = ""
    oidc_token_file: str = ""
    ecs_role: str = ""
    profile: str = ""
    config_file: str = ""

    def __repr__(self) -> str:
        """Without the secrets."""
        return "Login(***)"


DEFAULT_SESSION = "skoop"
ClientFor = Callable[[CredentialSource], Client]
"""Makes the client that asks STS for a role's credentials."""


def source_of(login: Login, client_for: ClientFor, metadata: Metadata) -> CredentialSource:
    """The first source there is: the key that was given (and the role to assume with it), OIDC, an
    instance's role, the CLI's file.

    Raises NoCredentials when there is none, or when one is given by half: a broken source is never
    skipped for the next one, which might be another account.
    """
    base = _base(login, client_for, metadata)
    if login.role_arn and not (login.oidc_provider_arn or login.oidc_token_file):
        return AssumedRole(
            client_for(base),
            base.described,
            role_arn=login.role_arn,
            session_name=login.session_name or DEFAULT_SESSION,
            external_id=login.external_id,
        )
    return base


def _base(login: Login, client_for: ClientFor, metadata: Metadata) -> CredentialSource:
    if login.key_id or login.secret or login.token:
        return _key(login)
    if login.oidc_provider_arn or login.oidc_token_file:
        return _oidc(login, client_for)
    if login.ecs_role:
        return EcsRole(metadata, "" if login.ecs_role == ANY_ROLE else login.ecs_role)
    profile = read_profile(login.config_file, login.profile)
    if profile is None:
        raise NoCredentials(
            "There are no credentials for Aliyun. Give ALIBABA_CLOUD_ACCESS_KEY_ID and "
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET, a profile of the aliyun CLI, an OIDC role, or the "
            "name of the instance's RAM role."
        )
    inner, described = profile
    return _Described(source_of(inner, client_for, metadata), described)


ANY_ROLE = "auto"
"""`ecs_role` for "whatever role this instance has"."""


class _Described:
    """A source under the name of the file it was read from."""

    def __init__(self, source: CredentialSource, described: str) -> None:
        self._source, self.described = source, described

    def credentials(self) -> Credentials:
        return self._source.credentials()


def _key(login: Login) -> CredentialSource:
    missing = [
        name
        for name, value in (
            ("the access key id (ALIBABA_CLOUD_ACCESS_KEY_ID)", login.key_id),
            ("the access key secret (ALIBABA_CLOUD_ACCESS_KEY_SECRET)", login.secret),
        )
        if not value
    ]
    if missing:
        raise NoCredentials(f"The credentials for Aliyun are incomplete: {missing[0]} is missing.")
    return Fixed(Credentials(login.key_id, login.secret, login.token), "the given access key")


def _oidc(login: Login, client_for: ClientFor) -> CredentialSource:
    wanted = (
        ("the role (ALIBABA_CLOUD_ROLE_ARN)", login.role_arn),
        ("the provider (ALIBABA_CLOUD_OIDC_PROVIDER_ARN)", login.oidc_provider_arn),
        ("the token's file (ALIBABA_CLOUD_OIDC_TOKEN_FILE)", login.oidc_token_file),
    )
    for name, value in wanted:
        if not value:
            raise NoCredentials(f"The OIDC login to Aliyun is incomplete: {name} is missing.")
    nobody = Fixed(Credentials("", ""), "nobody")
    return OidcRole(
        client_for(nobody),
        role_arn=login.role_arn,
        provider_arn=login.oidc_provider_arn,
        token_file=login.oidc_token_file,
        session_name=login.session_name or DEFAULT_SESSION,
    )
