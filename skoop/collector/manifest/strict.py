"""YAML that means one thing: a key that is there twice is an error, which names its field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skoop.errors import InputError

if TYPE_CHECKING:
    import yaml

_DEEPEST = 40


class ManifestError(InputError):
    """A manifest that cannot be used; the text names file and field."""


def documents(text: str, file: str) -> list[Any]:
    """The documents of a file as plain values. Raises ManifestError."""
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        found = []
        while loader.check_node():
            node = loader.get_node()
            if node is not None:
                found.append(_value(node, loader, file, "", 0))
        return found
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ManifestError(f"{file}{line}: {problem}") from None


def _value(node: yaml.Node, loader: Any, file: str, path: str, depth: int) -> Any:
    import yaml

    if depth > _DEEPEST:
        raise ManifestError(f"{file}: field {path[:100]}: too deep")
    if isinstance(node, yaml.SequenceNode):
        return [
            _value(each, loader, file, f"{path}[{number}]", depth + 1)
            for number, each in enumerate(node.value)
        ]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise ManifestError(f"{file}:{line}: {path or 'the document'} has the key {key!r}")
        field = f"{path}.{key}" if path else key
        if key in found:
            raise ManifestError(f"{file}:{line}: field {field} is there twice")
        found[key] = _value(value_node, loader, file, field, depth + 1)
    return found
