"""Asking once: answers are kept, asked for in parallel, recorded, and replayed from a record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from msgspec import Struct

from skoop.infra.aliyun.client.actions import ASSUME_ROLE, ASSUME_ROLE_WITH_OIDC, Action, check
from skoop.infra.aliyun.client.errors import AliyunError, NotAllowed
from skoop.infra.aliyun.identity import Asker
from skoop.infra.aliyun.narrow import narrowed
from skoop.infra.store import Answers, Key, key_of

WORKERS = 8


class NotRecorded(AliyunError):  # noqa: N818
    """The record holds no answer to this."""


class Question(Struct, frozen=True):
    """One request: what is asked where, with which parameters."""

    action: Action
    region: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, action: Action, region: str = "", **parameters: str) -> Question:
        """From keyword arguments; ids that hold dots are given as tuples."""
        return cls(action, region, tuple(sorted(parameters.items())))

    @property
    def key(self) -> Key:
        """What a record knows it by."""
        product, version, name = self.action.key
        parameters = dict(self.parameters)
        if self.region and self.action.regional:
            parameters["RegionId"] = self.region
        return key_of(f"{product}.{name}@{version}", parameters)


class Memory:
    """Answers of one diagnosis, by question. Safe to use from several threads.

    With an `asker` it asks what it does not know, at most `workers` questions at a time; without
    one it knows only what was recorded. An error is remembered like an answer.
    """

    def __init__(
        self, asker: Asker | None, recorded: Answers | None = None, workers: int = WORKERS
    ) -> None:
        self._asker = asker
        self._recorded = recorded or Answers()
        self._workers = workers
        self._known: dict[Key, dict[str, Any] | AliyunError] = {}

    @property
    def live(self) -> bool:
        """Whether the cloud can be asked."""
        return self._asker is not None

    def ask(self, question: Question) -> dict[str, Any]:
        """One answer. Raises AliyunError, NotRecorded when there is only a record without it."""
        key = question.key
        if key not in self._known:
            self._known[key] = self._found(question)
        found = self._known[key]
        if isinstance(found, AliyunError):
            raise found
        return found

    def prefetch(self, questions: Iterable[Question]) -> None:
        """Ask several at once; what fails is raised when it is asked for."""
        new = {each.key: each for each in questions if each.key not in self._known}
        if len(new) < 2:
            self._known.update({key: self._found(each) for key, each in new.items()})
            return
        with ThreadPoolExecutor(min(self._workers, len(new))) as pool:
            self._known.update(zip(new, pool.map(self._found, new.values()), strict=True))

    def fresh(self) -> Memory:
        """One that has forgotten everything, for a second look."""
        return Memory(self._asker, self._recorded, self._workers)

    def answers(self) -> Answers:
        """What was answered, to be kept in a snapshot. Credentials are never among it."""
        known = sorted(self._known.items())
        return Answers(
            {key: msgspec.json.encode(one) for key, one in known if isinstance(one, dict)}
        )

    def _found(self, question: Question) -> dict[str, Any] | AliyunError:
        try:
            check(question.action)
            if question.action in (ASSUME_ROLE, ASSUME_ROLE_WITH_OIDC):
                raise NotAllowed("Credentials are not asked for in this way.")
            return self._asked(question)
        except AliyunError as error:
            return error

    def _asked(self, question: Question) -> dict[str, Any]:
        if self._asker is not None:
            answer = self._asker.ask(question.action, question.region, dict(question.parameters))
            return {key: one for key, one in answer.items() if key != "RequestId"}
        found = self._replayed(question) or self._narrowed(question)
        if found is None:
            raise NotRecorded(
                f"the snapshot holds no answer to {question.action.product} "
                f"{question.action.name}, so this was not asked when it was made"
            )
        return found

    def _replayed(self, question: Question) -> dict[str, Any] | None:
        """The recorded answer to this very question."""
        action, parameters = question.key
        found = self._recorded.find(action, dict(parameters))
        if found is None:
            return None
        answer = msgspec.json.decode(found)
        if not isinstance(answer, dict):
            raise NotRecorded(f"the snapshot's answer to {question.action.name} is not an object")
        return answer

    def _narrowed(self, question: Question) -> dict[str, Any] | None:
        """The part of a recorded list of everything that this asks for."""
        whole = self._replayed(Question.of(question.action, question.region))
        if whole is None:
            return None
        return narrowed(question.action, dict(question.parameters), whole)


class Regionless:
    """A memory as `identity` asks it: without parameters."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def ask(self, action: Action, region: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """See `Asker`."""
        del parameters
        return self._memory.ask(Question.of(action, region))


def numbered(name: str, values: Iterable[str]) -> Mapping[str, str]:
    """A list as the API takes it: `Name.1`, `Name.2`."""
    return {f"{name}.{place}": value for place, value in enumerate(values, 1)}


def chunks(values: Iterable[str], most: int) -> list[tuple[str, ...]]:
    """Values in their order, at most `most` at a time."""
    given = tuple(values)
    return [given[start : start + most] for start in range(0, len(given), most)]
