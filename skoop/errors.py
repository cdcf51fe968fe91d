"""What stops skoop from looking. A finding, by contrast, says what is wrong with the network.

SkoopError
|-- UsageError            exit 2: the question cannot be asked this way
|   `-- EndpointError     an endpoint is unknown or ambiguous; carries the candidates
|-- InputError            exit 4: a file or tool output cannot be used
|   |-- SnapshotError     a snapshot, naming file and field
|   `-- ParseError        a tool's text, with source and line
`-- AccessError           exit 4: API server, credentials, a refused plugin
"""

from __future__ import annotations


class SkoopError(Exception):
    """Base of everything skoop raises on purpose. Its text is one or more plain sentences."""

    exit_code = 4


class UsageError(SkoopError):
    """The command line, or the question itself, is wrong."""

    exit_code = 2


class EndpointError(UsageError):
    """An endpoint names nothing, or more than one thing."""

    def __init__(self, message: str, candidates: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.candidates = candidates


class InputError(SkoopError):
    """Something skoop was given to read cannot be used."""


class SnapshotError(InputError):
    """A snapshot's file or field is missing, truncated or contradicts another."""


class ParseError(InputError):
    """A tool's output that is not what that tool prints.

    `source` names the text (a file, or a command and its namespace); `line` counts from 1, 0 when
    the error belongs to no line; `text` is the offending piece, at most 200 characters.
    """

    def __init__(self, source: str, line: int, problem: str, text: str = "") -> None:
        self.source, self.line, self.problem, self.text = source, line, problem, text[:200]
        where = f"{source}:{line}" if line else source
        super().__init__(f"{where}: {problem}" + (f": {self.text}" if text else ""))


class AccessError(SkoopError):
    """The API server, a cloud or a node would not let skoop look."""
