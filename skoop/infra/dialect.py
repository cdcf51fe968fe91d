"""Where a cloud's network decides differently from others."""

from __future__ import annotations

from msgspec import Struct

from skoop.model.address import Prefix


class Closed(Struct, frozen=True):
    """A port that a cloud closes for everybody: `protocol` is an IP protocol number."""

    protocol: int
    port: int
    why: str


class Dialect(Struct, frozen=True, kw_only=True):
    """How one cloud decides. The defaults are the commonest way.

    `ordered_rules`: the rule with the smallest priority decides, and at one priority a drop beats
    an accept; otherwise any accepting rule is enough. `stateful_groups`: answers of an admitted
    connection pass. `balancer_filtered`: what a load balancer sends to a backend is filtered by the
    backend's groups and ACLs (with the client's address where that is preserved).
    `own_ranges` are services of the
    cloud itself, reached without NAT and unfiltered routes. `closed_outbound` are ports that
    cannot be reached on the internet. `public_first`: an interface's own public address wins over
    a NAT gateway. `all_unhealthy_serves`: when every backend is unhealthy all get connections.
    `hairpin_preserving`: a backend may be its own client through a balancer that preserves client
    addresses. `local_is_final`: no custom route may be more specific than the VPC's own.
    """

    platform: str
    ordered_rules: bool = True
    stateful_groups: bool = True
    balancer_filtered: bool = True
    own_ranges: tuple[Prefix, ...] = ()
    closed_outbound: tuple[Closed, ...] = ()
    public_first: bool = True
    all_unhealthy_serves: bool = False
    local_is_final: bool = False
    hairpin_preserving: bool = False
