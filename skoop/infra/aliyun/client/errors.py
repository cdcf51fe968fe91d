"""What Aliyun's API answers when it does not answer: one class per thing a user can do about it.

Codes: https://api.alibabacloud.com/document (each product's error centre), and the common codes at
https://help.aliyun.com/zh/sdk/product-overview/common-error-codes
"""

# ruff: noqa: N818  (the classes bear the names of what they are about)
from __future__ import annotations

from skoop.errors import AccessError


class AliyunError(AccessError):
    """Aliyun did not tell. `code` is its error code, "" when there was none."""

    def __init__(self, message: str, code: str = "", request_id: str = "") -> None:
        self.code, self.request_id = code, request_id
        super().__init__(message + (f" (request {request_id})" if request_id else ""))


class NoCredentials(AliyunError):
    """There is nothing to sign with, or its source is broken."""


class InvalidAccessKey(AliyunError):
    """The access key is unknown, disabled, or its secret is wrong."""


class SignatureMismatch(InvalidAccessKey):
    """The key exists; the secret does not belong to it."""


class ExpiredToken(AliyunError):
    """The security token is over, or not one."""


class ClockSkew(AliyunError):
    """This machine's clock is too far from Aliyun's."""


class Forbidden(AliyunError):
    """The identity may not do this. `permission` is the RAM action to grant."""

    permission = ""


class Throttled(AliyunError):
    """Too many requests, still after the retries."""


class NotFound(AliyunError):
    """The resource is not there, or not there any more."""


class Unavailable(AliyunError):
    """No usable answer after the retries: 5xx, timeouts, resets, no connection."""


class BadAnswer(AliyunError):
    """The answer is not what the API documents."""


class Refused(AliyunError):
    """Any other error code: the request was understood and not granted."""


class NotAllowed(AliyunError):
    """A request that is not on skoop's own list; nothing was sent."""


class UnknownRegion(AliyunError):
    """There is no such region."""


_KEY_CODES = frozenset(
    (
        "InvalidAccessKeyId",
        "NoEnabledAccessKey",
        "Forbidden.AccessKey",
        "Forbidden.AccessKeyDisabled",
        "AccessKeyDisabled",
        "InvalidAccessKey",
    )
)
_SECRET_CODES = frozenset(
    ("InvalidAccessKeySecret", "SignatureDoesNotMatch", "IncompleteSignature", "InvalidSignature")
)
_CLOCK_CODES = frozenset(("IllegalTimestamp", "InvalidTimeStamp", "InvalidTimestamp"))
_PERMISSION_CODES = frozenset(
    ("Forbidden", "NoPermission", "AuthorizationFailed", "NotAuthorized", "ImplicitDeny")
)
_THROTTLE_CODES = frozenset(("Throttling", "RequestLimitExceeded", "QpsLimitExceeded"))
_TEMPORARY_CODES = frozenset(
    ("ServiceUnavailable", "InternalError", "ServiceUnAvailable", "SystemError", "Busy")
)


def class_for(code: str, status: int) -> type[AliyunError]:
    """The class of an answer's error code and HTTP status.

    Key codes are looked at before the NotFound pattern: `InvalidAccessKeyId.NotFound` is about the
    key, not about a resource.
    """
    head = code.partition(".")[0]
    if head in _KEY_CODES or code in _KEY_CODES:
        return InvalidAccessKey
    if head in _SECRET_CODES:
        return SignatureMismatch
    if head == "InvalidSecurityToken" or code in ("MissingSecurityToken", "SecurityTokenExpired"):
        return ExpiredToken
    if head in _CLOCK_CODES:
        return ClockSkew
    if head in _PERMISSION_CODES:
        return Forbidden
    if head in _THROTTLE_CODES:
        return Throttled
    if head == "InvalidRegionId":
        return UnknownRegion
    if _is_absence(code):
        return NotFound
    if head in _TEMPORARY_CODES or status >= 500:
        return Unavailable
    return Refused


def _is_absence(code: str) -> bool:
    return (
        code.endswith((".NotFound", "NotExist", "NotExists", "NotFound"))
        or code.startswith(("EntityNotExist", "ResourceNotFound", "InstanceNotFound"))
        or ".NotExist" in code
    )


RETRIED = (Throttled, Unavailable)
"""What is worth asking again."""
