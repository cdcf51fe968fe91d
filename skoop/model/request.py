"""One question, as asked: names are not resolved yet."""

from __future__ import annotations

from msgspec import Struct


class Overrides(Struct, frozen=True):
    """What the user says about the cluster; "" leaves it to detection. CIDRs may be several,
    separated by commas."""

    network_plugin: str = ""
    proxy_mode: str = ""
    cluster_cidr: str = ""
    service_cidr: str = ""
    cluster_domain: str = ""
    flannel_backend: str = ""


class Request(Struct, frozen=True, kw_only=True):
    """Can `src` reach `dst`?

    `src` and `dst` are endpoints as a user writes them ("pod/NS/NAME", "svc/NS/NAME:http", an
    address, "dns:NAME": a name as the source's own resolver reads it). `port` is the destination
    port, a number or the name of a Service's port, None when not given. `protocol` is "tcp", "udp",
    "sctp" or "icmp". `namespace` completes bare names.
    `sport` is a fixed source port (0: drawn by the client's kernel), `size` the payload in bytes
    (0: a connection's first packet), `df` sets don't-fragment on UDP (TCP always does).
    """

    src: str
    dst: str
    port: int | str | None = None
    protocol: str = "tcp"
    namespace: str = "default"
    sport: int = 0
    size: int = 0
    df: bool = False
    provider: str = "auto"
    overrides: Overrides = Overrides()
