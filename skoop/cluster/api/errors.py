"""Why the API server did not give an answer. None of their texts holds a credential."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from skoop.cluster.api.resource import Call
from skoop.errors import AccessError

_SHOWN = 300


class UnreachableError(AccessError):
    """No connection to the API server, or it broke and stayed broken."""


class ApiError(AccessError):
    """The API server refused a call. `status` is HTTP's, `reason` and `message` the Status
    object's."""

    def __init__(self, call: Call, status: int, reason: str, message: str) -> None:
        self.call, self.status, self.reason, self.message = call, status, reason, message
        super().__init__(self._text())

    def _text(self) -> str:
        said = self.message or self.reason or "no reason given"
        return f"The API server answered {self.call} with {self.status}: {said.rstrip('.')}."


class ForbiddenError(ApiError):
    """403. `missing` says what RBAC would have to grant."""

    @property
    def missing(self) -> str:
        """'the RBAC verb "list" on "pods" in all namespaces'."""
        at = self.call.at
        where = f"in namespace {at.namespace}" if at.namespace else "in all namespaces"
        return f'the RBAC verb "{self.call.verb}" on "{at.rbac}" {where}'

    def _text(self) -> str:
        said = f" ({self.message.rstrip('.')})" if self.message else ""
        return f"The API server forbids to {self.call}: this needs {self.missing}{said}."


class UnauthorizedError(ApiError):
    """401, also with renewed credentials."""

    def _text(self) -> str:
        return (
            f"The API server does not accept the credentials ({self.call}: 401 "
            f"{(self.message or self.reason or 'Unauthorized').rstrip('.')}). Log in again, or name"
            " another context with --context."
        )


class NotFoundError(ApiError):
    """404: no such object, or no such resource in this cluster."""


class ConflictError(ApiError):
    """409: it exists already, or was changed meanwhile."""


class ExpiredError(ApiError):
    """410: the resource version or continue token is too old."""


class ThrottledError(ApiError):
    """429, after every retry."""


class BrokenAnswerError(AccessError):
    """An answer that is cut off or is not JSON, every time it was asked for."""

    def __init__(self, call: Call, problem: str) -> None:
        self.call = call
        super().__init__(f"The API server's answer to {call} cannot be read: {problem}.")


_BY_STATUS: dict[int, type[ApiError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
    429: ThrottledError,
}


class Status(Struct, frozen=True):
    """A Status object, as far as it is used."""

    message: str | None = None
    reason: str | None = None
    code: int | None = None


def refusal(call: Call, status: int, body: bytes) -> ApiError:
    """The error for an answer that is no success."""
    try:
        said = msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        said = Status(message=" ".join(body[:_SHOWN].decode("utf-8", "replace").split()))
    kind = _BY_STATUS.get(status, ApiError)
    return kind(call, status, said.reason or "", (said.message or "")[:_SHOWN])
