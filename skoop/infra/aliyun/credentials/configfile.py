"""The configuration file of the official command line, `~/.aliyun/config.json`.

Shape: https://github.com/aliyun/aliyun-cli (README, "Configure authentication methods").
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from skoop.infra.aliyun.client.errors import NoCredentials

if TYPE_CHECKING:
    from skoop.infra.aliyun.credentials.login import Login


class _Profile(Struct, frozen=True):
    name: str
    mode: str = "AK"
    access_key_id: str = ""
    access_key_secret: str = ""
    sts_token: str = ""
    ram_role_name: str = ""
    ram_role_arn: str = ""
    ram_session_name: str = ""
    external_id: str = ""
    oidc_provider_arn: str = ""
    oidc_token_file: str = ""


class _File(Struct, frozen=True):
    profiles: tuple[_Profile, ...] = ()
    current: str = ""


DEFAULT_FILE = "~/.aliyun/config.json"


def read_profile(path: str, name: str) -> tuple[Login, str] | None:
    """The named profile, else the file's current one, with words for where it was read. None when
    no file, no profile was named and the default file is not there.

    Raises NoCredentials for a file that cannot be read or a profile that cannot be used.
    """
    file = Path(path or DEFAULT_FILE).expanduser()
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        if not path and not name:
            return None
        raise NoCredentials(f"The aliyun CLI's file {file} is not there.") from None
    except OSError as error:
        raise NoCredentials(
            f"The aliyun CLI's file {file} cannot be read: {error.strerror}."
        ) from None
    try:
        content = msgspec.json.decode(raw, type=_File)
    except msgspec.MsgspecError:
        raise NoCredentials(
            f"The aliyun CLI's file {file} is not what the CLI writes; run `aliyun configure`."
        ) from None
    wanted = name or content.current
    for profile in content.profiles:
        if profile.name == wanted:
            where = f"profile {profile.name!r} of {file}"
            return _login(profile, where), where
    known = ", ".join(profile.name for profile in content.profiles) or "none"
    raise NoCredentials(f"There is no profile {wanted!r} in {file}; there are: {known}.")


_NEEDS = {
    "AK": ("access_key_id", "access_key_secret"),
    "StsToken": ("access_key_id", "access_key_secret", "sts_token"),
    "RamRoleArn": ("access_key_id", "access_key_secret", "ram_role_arn"),
    "EcsRamRole": (),
    "OIDC": ("ram_role_arn", "oidc_provider_arn", "oidc_token_file"),
}
"""The fields a mode cannot do without."""


def _login(profile: _Profile, where: str) -> Login:
    from skoop.infra.aliyun.credentials.login import ANY_ROLE, Login

    if profile.mode not in _NEEDS:
        raise NoCredentials(
            f"The mode {profile.mode!r} of {where} is not one skoop can use; it can use "
            f"{', '.join(_NEEDS)}."
        )
    for field in _NEEDS[profile.mode]:
        if not getattr(profile, field):
            raise NoCredentials(f"{where} has mode {profile.mode} but no {field}.")
    key = {"key_id": profile.access_key_id, "secret": profile.access_key_secret}
    role = {"role_arn": profile.ram_role_arn, "session_name": profile.ram_session_name}
    match profile.mode:
        case "AK":
            return Login(**key)
        case "StsToken":
            return Login(**key, token=profile.sts_token)
        case "RamRoleArn":
            return Login(**key, **role, token=profile.sts_token, external_id=profile.external_id)
        case "EcsRamRole":
            return Login(ecs_role=profile.ram_role_name or ANY_ROLE)
        case _:
            return Login(
                **role,
                oidc_provider_arn=profile.oidc_provider_arn,
                oidc_token_file=profile.oidc_token_file,
            )
