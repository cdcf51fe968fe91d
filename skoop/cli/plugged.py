"""Commands that take the options of every provider, of a plugin file on the same line too."""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperCommand

from skoop.cli.panels import order, panel

if TYPE_CHECKING:
    from skoop.infra.options import Option, Settings
    from skoop.provider.base import Provider
    from skoop.provider.registry import Plugins, Registry

_REGISTRY = "skoop.registry"
_GIVEN = "skoop.given"
_PARAMS = "skoop.params"
_PREFIX = "skoop_option_"
PLUGIN = "--provider-plugin"
PLUGIN_HASH = "--provider-plugin-sha256"
ALLOW = "--allow-provider"
ENVIRONMENT = {
    PLUGIN: "SKOOP_PROVIDER_PLUGIN",
    PLUGIN_HASH: "SKOOP_PROVIDER_PLUGIN_SHA256",
    ALLOW: "SKOOP_ALLOW_PROVIDERS",
}
_HELP = {
    PLUGIN: "A provider in a file. It runs with your credentials.",
    PLUGIN_HASH: "The SHA-256 that file must have.",
    ALLOW: "Names of installed providers that may run, with commas.",
}
_METAVAR = {PLUGIN: "PATH", PLUGIN_HASH: "HASH", ALLOW: "NAMES"}


class Asked:
    """The providers there are, and what this command line says to them."""

    def __init__(self, registry: Registry, given: Mapping[str, Mapping[str, str]]) -> None:
        self.registry = registry
        self._given = given

    def settings(self, provider: Provider, *, live: bool = True) -> Settings:
        """A provider's options, checked. What only its cloud needs may be missing unless `live`.
        Raises ConfigError with every problem."""
        from skoop.infra.options import ConfigBinder

        binder = ConfigBinder(provider.name, provider.options, provider.one_of)
        flags = self._given.get(provider.name, {})
        return binder.bind(flags, os.environ, needed=live)

    def unchecked(self, provider: Provider) -> Settings:
        """A provider's options as they were given."""
        from skoop.infra.options import ConfigBinder

        binder = ConfigBinder(provider.name, provider.options, provider.one_of)
        return binder.read(self._given.get(provider.name, {}), os.environ)


def asked(context: typer.Context) -> Asked:
    """What the command's line said about providers."""
    return Asked(context.meta[_REGISTRY], context.meta.get(_GIVEN, {}))


class ProviderCommand(TyperCommand):
    """A command with the options of all providers, grouped in its help by provider."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Load the providers first: their options belong to the line that names them."""
        from skoop.provider.registry import Registry

        ctx.meta[_REGISTRY] = Registry.of(plugins_of(args), self._expected(list(args)))
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Its own parameters, and those of providers."""
        params = super().get_params(ctx)
        help_option = params.pop() if params and params[-1].name == "help" else None
        taken = {name for each in params for name in each.opts}
        if _PARAMS not in ctx.meta:
            options = _plugin_options()
            taken |= {each.flag for each in options}
            options += _provider_options(ctx.meta.get(_REGISTRY), taken)
            ctx.meta[_PARAMS] = _made(tuple(options))
        params += ctx.meta[_PARAMS]
        return [*params, help_option] if help_option is not None else params

    def invoke(self, ctx: Any) -> Any:
        """Keep what was said to providers apart from the command's own parameters."""
        given: dict[str, dict[str, str]] = {}
        for key in list(ctx.params):
            meant = _of_parameter(key)
            value = ctx.params.pop(key) if meant else None
            if meant and meant[0] and value is not None:
                given.setdefault(meant[0], {})[meant[1]] = value
        ctx.meta[_GIVEN] = given
        return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The command's options, then a section per provider that has some."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is None:
                continue
            sections.setdefault(_section(param), []).append(record)
        for title, records in sorted(sections.items(), key=lambda each: order(each[0])):
            with formatter.section(title):
                formatter.write_dl(records)

    def _expected(self, args: list[str]) -> str:
        for flag in ("--provider", "--cloud-provider"):
            found = _scan(args, flag)
            if found:
                return found
        return "auto"


class NamedProviderCommand(ProviderCommand):
    """The same, where the first argument names the provider."""

    def _expected(self, args: list[str]) -> str:
        """The first word that is no flag nor a flag's value, as far as that can be told before the
        options are known: the plugin's flags are."""
        skip = False
        for each in args:
            if skip:
                skip = False
            elif each.startswith("-"):
                skip = each in ENVIRONMENT
            else:
                return each
        return "auto"


def _scan(args: Sequence[str], flag: str) -> str:
    """The last value of a flag, "" without one; nothing after "--" is a flag."""
    found = ""
    for number, each in enumerate(args):
        if each == "--":
            break
        if each == flag and number + 1 < len(args):
            found = args[number + 1]
        elif each.startswith(f"{flag}="):
            found = each.partition("=")[2]
    return found


def plugins_of(args: Sequence[str]) -> Plugins:
    """What a command line and the environment allow besides the built-in providers."""
    from skoop.provider.external import Plugin
    from skoop.provider.registry import Plugins

    said = {
        flag: _scan(args, flag) or os.environ.get(variable, "")
        for flag, variable in ENVIRONMENT.items()
    }
    allowed = tuple(filter(None, (name.strip() for name in said[ALLOW].split(","))))
    return Plugins(file=Plugin(said[PLUGIN], said[PLUGIN_HASH]), allowed=allowed)


class _Said(NamedTuple):
    """An option of a command that its function does not declare; `provider` is "" for skoop's."""

    provider: str
    name: str
    flag: str
    metavar: str
    help: str

    @property
    def parameter(self) -> str:
        """A name for it that is an identifier and that no command uses."""
        return _PREFIX + f"{self.provider}/{self.name}".encode().hex()


def _of_parameter(name: str) -> tuple[str, str] | None:
    """The provider and option that a parameter stands for, None for a command's own."""
    if not name.startswith(_PREFIX):
        return None
    provider, _, option = bytes.fromhex(name.removeprefix(_PREFIX)).decode().partition("/")
    return provider, option


def _plugin_options() -> list[_Said]:
    return [
        _Said("", flag, flag, _METAVAR[flag], f"{_HELP[flag]} [env: {ENVIRONMENT[flag]}]")
        for flag in ENVIRONMENT
    ]


def _provider_options(registry: Registry | None, taken: set[str]) -> list[_Said]:
    from skoop.errors import UsageError

    found = []
    for provider in registry.all() if registry is not None else ():
        for option in provider.options:
            if option.flag in taken:
                raise UsageError(
                    f"The option {option.flag} of provider {provider.name} is already taken."
                )
            taken.add(option.flag)
            found.append(_Said(provider.name, option.name, option.flag, "VALUE", _help(option)))
    return found


def _help(option: Option) -> str:
    words = [option.help]
    words += [f"[{'|'.join(option.choices)}]"] if option.choices else []
    words += ["[required]"] if option.required else []
    words += ["[secret]"] if option.secret else []
    words += [f"[env: {option.environment}]"] if option.environment else []
    words += [f"[default: {option.default}]"] if option.default else []
    return " ".join(words)


@lru_cache(maxsize=8)
def _made(options: tuple[_Said, ...]) -> tuple[Any, ...]:
    """Typer's own parameters for these options, as a function that declared them would get."""

    def declared(**_: str) -> None:
        """Never called."""

    hints: dict[str, Any] = {
        each.parameter: Annotated[
            str | None, typer.Option(each.flag, metavar=each.metavar, help=each.help)
        ]
        for each in options
    }
    keyword = inspect.Parameter.KEYWORD_ONLY
    declared.__annotations__ = hints
    declared.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, keyword, default=None, annotation=hints[name]) for name in hints]
    )
    holder = typer.Typer(add_completion=False, rich_markup_mode=None)
    holder.command()(declared)
    params = typer.main.get_command(holder).params
    return tuple(each for each in params if each.name in hints)


def _section(param: Any) -> str:
    meant = _of_parameter(str(param.name))
    if meant is None:
        return panel(param)
    return f"Options of provider {meant[0]}" if meant[0] else "Providers from elsewhere"
