"""A provider's own options: flag over non-empty environment over default."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum

from msgspec import Struct

from skoop.errors import UsageError

HIDDEN = "(secret)"


def _anything(_: str) -> str:
    return ""


class Option(Struct, frozen=True, kw_only=True):
    """One option.

    `name` is what the provider knows it by, `flag` and `environment` how a user gives it. A
    `required` one must have a value from somewhere; a `secret` one is never shown. `choices`, when
    there are any, are all that is taken. `check` returns what is wrong with a value, "" when
    nothing is; it must not repeat the value of a secret.
    """

    name: str
    flag: str
    environment: str
    help: str
    default: str = ""
    required: bool = False
    secret: bool = False
    choices: tuple[str, ...] = ()
    check: Callable[[str], str] = _anything


class OneOf(Struct, frozen=True):
    """Options of which at most one may be given, and with `required` exactly one."""

    names: tuple[str, ...]
    required: bool = False


class Origin(Enum):
    """Where a value comes from."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    DEFAULT = "default"


class Value(Struct, frozen=True):
    """A value of an option, and how it came."""

    option: Option
    text: str
    origin: Origin

    @property
    def shown(self) -> str:
        """The value for a reader: a secret's is not."""
        return HIDDEN if self.option.secret and self.text else self.text

    def __repr__(self) -> str:
        return f"Value({self.option.name}={self.shown!r} from {self.origin.value})"


class ConfigError(UsageError):
    """A provider's options are wrong. `problems` are sentences, one each."""

    def __init__(self, provider: str, problems: Sequence[str]) -> None:
        super().__init__(f"Options of provider {provider}: " + " ".join(problems))
        self.problems = tuple(problems)


class Settings(Mapping[str, str]):
    """The values of a provider's options by name, "" for what was not given. Shows no secret."""

    def __init__(self, values: Sequence[Value] = ()) -> None:
        self._values = {each.option.name: each for each in values}

    def __getitem__(self, name: str) -> str:
        return self._values[name].text

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def value(self, name: str) -> Value:
        """A value with its option and origin."""
        return self._values[name]

    def __repr__(self) -> str:
        return f"Settings({', '.join(repr(each) for each in self._values.values())})"


class ConfigBinder:
    """Binds a provider's options to flags and environment."""

    def __init__(
        self, provider: str, options: Sequence[Option] = (), one_of: Sequence[OneOf] = ()
    ) -> None:
        self.provider = provider
        self.options = tuple(options)
        self.one_of = tuple(one_of)

    def read(self, flags: Mapping[str, str], environment: Mapping[str, str]) -> Settings:
        """The values as given, unchecked. `flags` maps option names to what the command line says,
        without those it does not name."""
        return Settings([self._value(each, flags, environment) for each in self.options])

    def _value(
        self, option: Option, flags: Mapping[str, str], environment: Mapping[str, str]
    ) -> Value:
        if option.name in flags:
            return Value(option, flags[option.name], Origin.FLAG)
        found = environment.get(option.environment, "") if option.environment else ""
        if found:
            return Value(option, found, Origin.ENVIRONMENT)
        return Value(option, option.default, Origin.DEFAULT)

    def problems(self, settings: Settings, *, needed: bool = True) -> tuple[str, ...]:
        """Everything wrong with the values, a sentence each that names flag or variable. Unless
        `needed`, nothing is required: the cloud will not be asked."""
        found = [self._problem(settings.value(each.name), needed=needed) for each in self.options]
        found += [self._conflict(settings, group, needed=needed) for group in self.one_of]
        return tuple(filter(None, found))

    def bind(
        self, flags: Mapping[str, str], environment: Mapping[str, str], *, needed: bool = True
    ) -> Settings:
        """Read and check. Raises ConfigError with every problem at once."""
        settings = self.read(flags, environment)
        problems = self.problems(settings, needed=needed)
        if problems:
            raise ConfigError(self.provider, problems)
        return settings

    def _problem(self, value: Value, *, needed: bool) -> str:
        option = value.option
        if not value.text:
            return f"{_ways(option)} is required." if option.required and needed else ""
        if option.choices and value.text not in option.choices:
            got = "" if option.secret else f", not {value.text[:60]!r}"
            return f"{named(value)} takes {', '.join(option.choices)}{got}."
        wrong = option.check(value.text)
        return f"{named(value)}: {wrong}." if wrong else ""

    def _conflict(self, settings: Settings, group: OneOf, *, needed: bool) -> str:
        given = [settings.value(name) for name in group.names if settings[name]]
        if len(given) > 1:
            return f"Give only one of {' and '.join(named(each) for each in given)}."
        if group.required and needed and not given:
            ways = [_ways(settings.value(name).option) for name in group.names]
            return f"One of {', '.join(ways)} is required."
        return ""


def named(value: Value) -> str:
    """How the user gave a value: the flag, or the variable's name."""
    if value.origin is Origin.ENVIRONMENT:
        return f"the environment variable {value.option.environment}"
    return value.option.flag


def _ways(option: Option) -> str:
    return f"{option.flag} (or {option.environment})" if option.environment else option.flag
