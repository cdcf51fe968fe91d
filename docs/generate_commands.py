"""The pages about the command line, made of what the program itself prints."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from typing import Any
from unittest import mock

import typer

from skoop.cli.main import app, main

_MAX_LINES = 45
"""Lines of an example that are shown."""
EXAMPLES = {
    "diagnose": (
        "skoop diagnose pod/default/cli svc/shop/web -p 80 --demo fdb-missing --quiet",
        "skoop diagnose pod/default/cli svc/shop/web -p 80 --demo fdb-missing -o mermaid",
    ),
    "demo": ("skoop demo", "skoop demo fdb-missing"),
    "explain": ("skoop explain fdb-missing",),
    "provider list": ("skoop provider list",),
    "provider describe": ("skoop provider describe generic",),
}
"""What to show below a command: its lines are run for this page."""
_ENVIRONMENT = {"COLUMNS": "80", "NO_COLOR": "1", "HOME": "/nonexistent", "SKOOP_CONFIG": ""}


def commands_page() -> str:
    """Every command with its help, and with real output of a few."""
    parts = [
        "# Commands",
        "Generated: this is what the program prints. `skoop --install-completion` teaches bash, "
        "zsh and fish to complete commands, options and the names of a cluster, a snapshot or a "
        "demo.",
        f"```\n{printed(['--help'])}\n```",
    ]
    for words in sorted(commands()):
        name = " ".join(words)
        parts += [f"## skoop {name}", f"```\n{printed([*words, '--help'])}\n```"]
        for line in EXAMPLES.get(name, ()):
            parts.append(f"```\n$ {line}\n{_shortened(printed(line.split()[1:]))}\n```")
    return "\n\n".join(parts) + "\n"


def man_page() -> str:
    """skoop(1), in roff."""
    parts = [
        '.TH SKOOP 1 "" "skoop" "User Commands"',
        ".SH NAME",
        r"skoop \- say why one thing in a Kubernetes cluster cannot reach another",
        ".SH SYNOPSIS",
        ".B skoop\n.I COMMAND\n[OPTIONS]",
        ".SH DESCRIPTION",
        "skoop takes the network state that is really on the nodes, walks the packet through it as "
        "the Linux kernel would, there and back, and names what stops it. It sends no packet and "
        "changes nothing.",
        ".SH COMMANDS",
    ]
    for words in sorted(commands()):
        text = printed([*words, "--help"]).partition("\n\n")[2]
        parts += [f".SS skoop {' '.join(words)}", f".nf\n{_roff(text)}\n.fi"]
    parts += [
        ".SH EXIT STATUS",
        *_terms(
            {
                "0": "reachable",
                "1": "unreachable, or only part of the connections succeed",
                "2": "bad usage",
                "3": "not decidable from what was collected",
                "4": "skoop could not look",
            }
        ),
        ".SH FILES",
        *_terms({"~/.config/skoop/config.toml": "defaults of options, by command"}),
        ".SH ENVIRONMENT",
        *_terms(
            {
                "SKOOP_CONFIG": "another file for the defaults",
                "SKOOP_OPTION": "the default of --option; a dash becomes an underscore",
                "NO_COLOR": "plain text",
                "KUBECONFIG": "the cluster to ask, as for kubectl",
            }
        ),
    ]
    return "\n".join(parts) + "\n"


def commands() -> Iterator[tuple[str, ...]]:
    """The words of every command that does something."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        children = getattr(command, "commands", None)
        if children is None:
            yield words
            return
        for name, child in children.items():
            yield from walk(child, (*words, name))

    return walk(typer.main.get_command(app), ())


def printed(arguments: list[str]) -> str:
    """What the program writes to stdout, in a terminal of 80 columns without the user's files."""
    out = io.StringIO()
    with (
        mock.patch.dict(os.environ, _ENVIRONMENT),
        redirect_stdout(out),
        redirect_stderr(io.StringIO()),
    ):
        main(arguments)
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines())


def _shortened(text: str) -> str:
    lines = text.splitlines()
    return "\n".join(lines[:_MAX_LINES] + (["..."] if len(lines) > _MAX_LINES else []))


def _roff(text: str) -> str:
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return "\n".join(
        r"\&" + line if line.startswith((".", "'")) else line for line in escaped.splitlines()
    )


def _terms(terms: dict[str, str]) -> list[str]:
    return [f".TP\n.B {_roff(term)}\n{_roff(said)}" for term, said in terms.items()]
