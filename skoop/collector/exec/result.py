"""How a command in a container ended."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.errors import AccessError


class Executed(Struct, frozen=True):
    """A command that ended by itself: all it wrote, and its exit status."""

    stdout: bytes
    stderr: str
    status: int


class ExecError(AccessError):
    """A command that could not be run, or whose output did not arrive whole. `again` tells whether
    the way to it broke, so that a second try may succeed; `unauthorized` that it may with renewed
    credentials."""

    def __init__(self, message: str, *, again: bool = False, unauthorized: bool = False) -> None:
        self.again, self.unauthorized = again or unauthorized, unauthorized
        super().__init__(message)


class _Cause(Struct, frozen=True):
    reason: str = ""
    message: str = ""


class _Details(Struct, frozen=True):
    causes: tuple[_Cause, ...] | None = None


class _Status(Struct, frozen=True):
    status: str = ""
    message: str = ""
    reason: str = ""
    details: _Details | None = None


def exit_status(data: bytes) -> int:
    """The exit status from what the error channel said: a Status object, as v4.channel.k8s.io and
    v5.channel.k8s.io have it (k8s.io/apimachinery/pkg/util/remotecommand). Raises ExecError when
    the command did not run to its end."""
    try:
        said = msgspec.json.decode(data, type=_Status)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ExecError(f"the command's status cannot be read ({error})", again=True) from None
    if said.status == "Success":
        return 0
    causes = (said.details.causes or ()) if said.details else ()
    for cause in causes:
        if cause.reason == "ExitCode" and cause.message.isascii() and cause.message.isdigit():
            return int(cause.message[:6])
    raise ExecError(said.message or said.reason or "the command failed and nobody says why")
