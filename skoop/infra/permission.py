"""What a provider asks of its cloud's API, exactly."""

from __future__ import annotations

from msgspec import Struct


class Permission(Struct, frozen=True, order=True):
    """One action of one API. `grant` is what a policy calls it ("vpc:DescribeVpcs"), "" when it
    needs no permission."""

    product: str
    version: str
    action: str
    grant: str = ""
