"""A cloud's answers as they were given, so that a snapshot can be diagnosed without the cloud.

cloud/<provider>.json: {"format": 1, "answers": [{"action", "parameters", "answer"}, ...]}

The action names the API ("vpc.DescribeVpcs@2016-04-28"), the parameters are what was asked for
(region, ids, page), without credentials, signatures, nonces and times.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from skoop.errors import SnapshotError

FORMAT = 1
Key = tuple[str, tuple[tuple[str, str], ...]]


class _Entry(Struct, frozen=True):
    action: str
    parameters: dict[str, str]
    answer: msgspec.Raw


class _File(Struct, frozen=True, kw_only=True):
    format: int = FORMAT
    answers: list[_Entry] = []


class Answers:
    """Recorded answers by action and parameters. Reading never changes them."""

    def __init__(self, found: Mapping[Key, bytes] | None = None) -> None:
        self._found: dict[Key, bytes] = dict(found or {})

    @classmethod
    def decode(cls, data: bytes, source: str) -> Answers:
        """Read cloud/<provider>.json. Raises SnapshotError, which names the source, for what is
        not one, is of another format, or answers one question twice."""
        try:
            file = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise SnapshotError(f"{source}: not a record of a cloud's answers: {error}") from error
        if file.format != FORMAT:
            raise SnapshotError(f"{source}: format {file.format}; this skoop reads {FORMAT}")
        found: dict[Key, bytes] = {}
        for each in file.answers:
            key = key_of(each.action, each.parameters)
            if key in found:
                raise SnapshotError(f"{source}: two answers to {each.action} {each.parameters}")
            found[key] = bytes(each.answer)
        return cls(found)

    def find(self, action: str, parameters: Mapping[str, str]) -> bytes | None:
        """The JSON that was answered, None when this was never asked."""
        return self._found.get(key_of(action, parameters))

    def with_answer(self, action: str, parameters: Mapping[str, str], answer: bytes) -> Answers:
        """These and one more, which replaces an older one to the same question."""
        return Answers({**self._found, key_of(action, parameters): answer})

    def encode(self) -> bytes:
        """The file, in the order of actions and parameters."""
        entries = [
            _Entry(action, dict(parameters), msgspec.Raw(answer))
            for (action, parameters), answer in sorted(self._found.items())
        ]
        return msgspec.json.format(msgspec.json.encode(_File(answers=entries)), indent=1) + b"\n"

    def __len__(self) -> int:
        return len(self._found)


def key_of(action: str, parameters: Mapping[str, str]) -> Key:
    """What makes two questions the same: the order of parameters does not."""
    return action, tuple(sorted(parameters.items()))
