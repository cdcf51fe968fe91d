"""Defaults of the user: a file, and the environment.

    ~/.config/skoop/config.toml       $XDG_CONFIG_HOME is heeded, SKOOP_CONFIG names another file
        [defaults]                    for every command that has such an option
        provider = "aliyun"
        [diagnose]                    for one command; "snapshot create" is [snapshot.create]
        output = ["text", "html"]
    SKOOP_PROVIDER=aliyun             for every command that has --provider

A flag comes before the environment, that before a command's table, and that before [defaults].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from skoop.errors import UsageError

_DEFAULTS = "defaults"
_PLAIN = (str, int, bool)
_NEVER = frozenset(("help", "version"))


def default_map(root: Any, environment: Mapping[str, str]) -> dict[str, Any]:
    """What stands in for flags that are not given, as click wants it: by command and parameter.
    `root` is the click group. Raises UsageError, which names the file and the key."""
    path = config_path(environment)
    config = _read(path, is_named=bool(environment.get("SKOOP_CONFIG")))
    shared = config.pop(_DEFAULTS, {})
    commands = dict(_commands(root, ()))
    known = {name for options in commands.values() for name in options}
    _check(shared, known, f"{path}: [{_DEFAULTS}]")
    for words, table in _tables(config, ()):
        if words not in commands:
            raise UsageError(f"{path}: [{'.'.join(words)}] is no command of skoop.")
        _check(table, commands[words], f"{path}: [{'.'.join(words)}]")
    spoken = _from_environment(known, environment)
    tables = dict(_tables(config, ()))
    result: dict[str, Any] = {}
    for words, options in commands.items():
        given = {**shared, **tables.get(words, {}), **spoken}
        place = result
        for word in words:
            place = place.setdefault(word, {})
        for name, value in given.items():
            if name in options:
                option = options[name]
                place[option.parameter] = _listed(value) if option.takes_many else value
    return result


def _listed(value: Any) -> Any:
    """For an option that may be repeated; in the environment its values have commas between."""
    return value.split(",") if isinstance(value, str) else value


def config_path(environment: Mapping[str, str]) -> Path:
    """Where the file is, whether there is one or not."""
    if named := environment.get("SKOOP_CONFIG"):
        return Path(named)
    base = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "skoop" / "config.toml"


def _read(path: Path, *, is_named: bool) -> dict[str, Any]:
    if not is_named and not path.is_file():
        return {}
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not TOML: {error}.") from error


class _Option(NamedTuple):
    """What click calls an option, and whether it may be repeated."""

    parameter: str
    takes_many: bool


def _commands(
    command: Any, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, _Option]]]:
    """Every command that does something: its words, and its parameters by their long flags."""
    children = getattr(command, "commands", None)
    if children is not None:
        for name, child in children.items():
            yield from _commands(child, (*words, name))
        return
    yield (
        words,
        {
            flag.removeprefix("--"): _Option(param.name, param.multiple)
            for param in command.params
            for flag in param.opts
            if flag.startswith("--") and param.name not in _NEVER
        },
    )


def _tables(
    config: Mapping[str, Any], words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The tables of the file that hold values, by the words of their heading."""
    values = {key: value for key, value in config.items() if not isinstance(value, dict)}
    if values:
        yield words, values
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _tables(value, (*words, key))


def _check(table: Any, known: Any, where: str) -> None:
    if not isinstance(table, dict):
        raise UsageError(f"{where} must be a table.")
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"{where}: there is no option --{key}.")
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(each, _PLAIN) for each in values):
            raise UsageError(f"{where}: {key} must be a text, a number, true or false, or a list.")


def _from_environment(known: set[str], environment: Mapping[str, str]) -> dict[str, str]:
    named = {f"SKOOP_{name.upper().replace('-', '_')}": name for name in known}
    return {named[key]: value for key, value in environment.items() if key in named and value}
