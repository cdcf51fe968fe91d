"""What `skoop cloud PROVIDER COMMAND` runs: one command per kind of resource."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from msgspec import Struct

from skoop.errors import InputError
from skoop.infra.resources import Resource

Row = Mapping[str, object]


class MissingError(InputError):
    """The resource that a command names is not there."""


class Console(Protocol):
    """A cloud that is asked directly, to see what its API says. Every method may raise a
    SkoopError with the cloud's reason."""

    def resources(self, kind: type[Resource]) -> tuple[Resource, ...]:
        """All of a type in the chosen region."""

    def gid(self, resource: Resource) -> str:
        """Its global id."""


class CloudCommand(Struct, frozen=True, kw_only=True):
    """One command. `takes` names its argument, "" when it has none; `rows` gets the console and
    that argument. In a table only `columns` are shown, in JSON everything. It raises MissingError
    for an id that is not there."""

    name: str
    help: str
    columns: tuple[str, ...]
    rows: Callable[[Console, str], Iterable[Row]]
    takes: str = ""


class CloudCall(Struct, frozen=True, kw_only=True):
    """How a console is opened: region "" is the configured one; `debug` gets a line per call to
    the API, without secrets."""

    region: str = ""
    debug: Callable[[str], None] | None = None
