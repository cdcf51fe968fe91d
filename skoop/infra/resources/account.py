"""Subscriptions, regions and zones."""

from __future__ import annotations

from typing import ClassVar

from skoop.infra.resources.base import Kind, Resource


class Subscription(Resource, frozen=True, kw_only=True):
    """An account of the cloud. `current` is the one the credentials belong to."""

    kind: ClassVar[Kind] = Kind.SUBSCRIPTION

    current: bool = False


class Region(Resource, frozen=True, kw_only=True):
    """A region; `endpoint` is the host name its API answers on."""

    kind: ClassVar[Kind] = Kind.REGION

    endpoint: str = ""


class Zone(Resource, frozen=True, kw_only=True):
    """An availability zone of `region`."""

    kind: ClassVar[Kind] = Kind.ZONE
