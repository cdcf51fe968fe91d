"""The headings under which `--help` shows options, so that a long list has a shape."""

from __future__ import annotations

from typing import Any

_PANELS = {
    "The question": (
        "source", "destination", "src", "dst", "port", "protocol", "namespace", "sport", "size",
        "df", "batch",
    ),
    "Where the state is from (default: the current cluster)": (
        "snapshot", "demo", "kubeconfig", "context", "request_timeout", "max_nodes",
    ),
    "The cloud under the nodes": ("provider", "ask_cloud", "debug", "show_emulated"),
    "What is so, whatever is detected": (
        "network_plugin", "proxy_mode", "cluster_cidr", "service_cidr", "cluster_domain",
        "flannel_backend",
    ),
    "The answer": (
        "output", "output_file", "serve", "listen", "verbose", "quiet", "no_color",
    ),
}  # fmt: skip
_PANEL_OF = {name: title for title, names in _PANELS.items() for name in names}


def panel(parameter: Any) -> str:
    """The heading for a parameter: what it declares itself, what the table says, or "Options"."""
    own = getattr(parameter, "rich_help_panel", None)
    return own or _PANEL_OF.get(str(parameter.name), "Options")


def order(title: str) -> int:
    """Where a heading stands: those of the table first, "Options" last."""
    known = list(_PANELS)
    if title in known:
        return known.index(title)
    return len(known) + (title == "Options")
