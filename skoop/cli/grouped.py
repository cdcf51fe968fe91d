"""Commands that take their options in groups, so that what belongs together is declared once.

    class Objects(NamedTuple):
        folder: Annotated[str, typer.Option("--from", metavar="DIR")] = ""
        snapshot: Annotated[str, typer.Option(metavar="PATH")] = ""

    @app.command()
    @grouped
    def lint(objects: Objects, output: AsList = ListFormat.TABLE) -> None: ...

Typer gets the fields of a group as parameters, where the group stands; the command gets the group.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any, get_type_hints


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to see it. A group is a parameter whose type is a NamedTuple; two
    groups of a command have no field in common (else ValueError)."""
    signature = inspect.signature(command, eval_str=True)
    kinds = {name: each.annotation for name, each in signature.parameters.items()}
    groups = {name: kind for name, kind in kinds.items() if _is_group(kind)}

    @functools.wraps(command)
    def flat(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field: given.pop(field) for field in group._fields})
        command(**given)

    parameters = [one for each in signature.parameters.values() for one in _flattened(each)]
    del flat.__wrapped__  # what inspect and typing would look at instead
    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {each.name: each.annotation for each in parameters}
    return flat


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields")


def _flattened(parameter: Parameter) -> Iterator[Parameter]:
    group = parameter.annotation
    if not _is_group(group):
        yield parameter.replace(kind=Parameter.KEYWORD_ONLY)
        return
    hints = get_type_hints(group, include_extras=True)
    for name in group._fields:
        default = group._field_defaults.get(name, Parameter.empty)
        yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=hints[name])
