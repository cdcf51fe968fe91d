"""What a finding is, and how it becomes a suspicion about one place."""

from __future__ import annotations

import inspect
from typing import ClassVar

from msgspec import Struct

from skoop.model.diagnosis import Suspicion, Where
from skoop.model.disposition import Direction, Level
from skoop.model.trace import Evidence

_SECTIONS = ("What it means: ", "Why it matters: ", "How to fix: ")


class Explanation(Struct, frozen=True):
    """A finding's docstring, taken apart.

    `title` is one sentence. In the other three a line that begins with four spaces is a command, to
    be shown as it stands; the rest is prose, one paragraph per line.
    """

    title: str
    means: str
    matters: str
    how: str


class Finding:
    """A cause that skoop can name.

    `code` is its stable identity, `name` says the problem in a few words, `level` is how bad it is
    unless the case at hand says otherwise. The docstring is the documentation: a title, then the
    sections of `Explanation`.
    """

    code: ClassVar[str]
    name: ClassVar[str]
    level: ClassVar[Level]

    @classmethod
    def suspect(
        cls,
        *,
        where: Where,
        direction: Direction,
        message: str,
        evidence: tuple[Evidence, ...],
        blocking: bool = False,
        why: str = "",
        fix: str = "",
        level: Level | None = None,
    ) -> Suspicion:
        """This finding, about one place; the arguments are the fields of `Suspicion`.

        Raises ValueError without evidence: a finding that cannot be shown is not one.
        """
        if not evidence:
            raise ValueError(f"{cls.name} needs evidence")
        return Suspicion(
            code=cls.code,
            name=cls.name,
            level=level or cls.level,
            blocking=blocking,
            where=where,
            direction=direction,
            message=message,
            evidence=evidence,
            why=why,
            fix=fix,
        )

    @classmethod
    def explain(cls) -> Explanation:
        """The documentation of this finding.

        Raises ValueError when the docstring lacks a section, which a test makes sure of.
        """
        title, _, rest = inspect.cleandoc(cls.__doc__ or "").partition("\n\n")
        parts = [_section(cls.name, rest, heading) for heading in _SECTIONS]
        return Explanation(_unwrap(title), *parts)


def _section(name: str, text: str, heading: str) -> str:
    """The lines from a heading to the next one."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith(_SECTIONS):
            inside = line.startswith(heading)
            line = line.removeprefix(heading)
        if inside:
            lines.append(line)
    if not lines:
        raise ValueError(f"{name} has no section {heading.strip()!r}")
    return _unwrap("\n".join(lines))


def _unwrap(text: str) -> str:
    """Join wrapped prose into one line a paragraph; keep commands on lines of their own."""
    out: list[str] = []
    joins = False
    for line in text.splitlines():
        is_prose = bool(line) and not line.startswith("    ")
        if is_prose and joins:
            out[-1] += " " + line
        elif line:
            out.append(line)
        joins = is_prose
    return "\n".join(out)
