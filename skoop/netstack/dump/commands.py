"""One spelling per command, so that `ip -d -j address show` is found as `ip -j addr`."""

from __future__ import annotations

from collections.abc import Mapping

from skoop.netstack.dump.output import Output

_OBJECTS = {
    "address": "addr",
    "a": "addr",
    "l": "link",
    "neighbour": "neigh",
    "neighbor": "neigh",
    "n": "neigh",
    "r": "route",
    "ro": "route",
    "ru": "rule",
}
_OPTIONS = {"-json": "-j", "-details": "-d", "-detail": "-d", "-det": "-d", "-details=1": "-d"}
_SHOW = frozenset(("show", "list", "ls", "lst"))


def by_canonical_name(outputs: Mapping[str, Output]) -> dict[str, Output]:
    """The outputs under their canonical names; of two spellings the first that worked."""
    found: dict[str, Output] = {}
    for command, output in outputs.items():
        name = canonical(command)
        if name not in found or (found[name].rc and not output.rc):
            found[name] = output
    return found


def canonical(command: str) -> str:
    """An `ip` or `bridge` command's canonical spelling: "-j", then "-d" (kept for link only, where
    it adds facts), then the family; objects in their usual short form; no final "show". Others are
    returned as they are."""
    words = command.split()
    if len(words) < 2 or words[0] not in ("ip", "bridge"):
        return command
    end = next((i for i, word in enumerate(words[1:], 1) if not word.startswith("-")), len(words))
    options = [_OPTIONS.get(word, word) for word in words[1:end]]
    rest = words[end:]
    if rest:
        rest[0] = _OBJECTS.get(rest[0], rest[0])
    if len(rest) > 1 and rest[-1] in _SHOW:
        rest.pop()
    if "link" not in rest:
        options = [option for option in options if option != "-d"]
    if rest[:1] == ["rule"]:
        options = [option for option in options if option != "-4"]
    ordered = sorted(options, key=lambda option: (option not in ("-j", "-d"), option != "-j"))
    return " ".join([words[0], *ordered, *rest])
