"""A name as the text of an endpoint."""

from __future__ import annotations

from skoop.errors import EndpointError

PREFIX = "dns:"


def is_name(text: str, domain: str) -> bool:
    """Whether an endpoint is a name as the source's resolver reads it: one said to be so, or one
    that can only be the cluster's ("web.shop.svc")."""
    name = text.partition(":")[0].rstrip(".")
    return text.startswith(PREFIX) or ("/" not in name and name.endswith((".svc", f".{domain}")))


def split_name(text: str) -> tuple[str, str]:
    """ "dns:web.shop:80" as name and port ("" without one). Raises EndpointError."""
    name, _, port = text.removeprefix(PREFIX).partition(":")
    labels = name.rstrip(".").split(".")
    if not name or not all(0 < len(each) < 64 for each in labels):
        raise EndpointError(f"{text[:100]!r} is not a name: write dns:web.shop or dns:web.shop:80")
    return name, port
