"""An API server, spoken to in bytes.

`connect` enters the cluster as kubectl does, through the `kubernetes` package; `ApiClient` then
asks over that package's connection pool, without its typed models, for many threads at once.
"""

from skoop.cluster.api.client import ApiClient, Page, Selection
from skoop.cluster.api.connect import connect
from skoop.cluster.api.connection import Connection, WebSocketTarget
from skoop.cluster.api.errors import (
    ApiError,
    BrokenAnswerError,
    ConflictError,
    ExpiredError,
    ForbiddenError,
    NotFoundError,
    ThrottledError,
    UnauthorizedError,
    UnreachableError,
)
from skoop.cluster.api.resource import At, Call, Resource
from skoop.cluster.api.retry import Patience
from skoop.cluster.api.watch import Event, EventKind

__all__ = [
    "ApiClient",
    "ApiError",
    "At",
    "BrokenAnswerError",
    "Call",
    "ConflictError",
    "Connection",
    "Event",
    "EventKind",
    "ExpiredError",
    "ForbiddenError",
    "NotFoundError",
    "Page",
    "Patience",
    "Resource",
    "Selection",
    "ThrottledError",
    "UnauthorizedError",
    "UnreachableError",
    "WebSocketTarget",
    "connect",
]
