"""Who skoop is to Aliyun, and whether the key works: asked before anything is collected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from skoop.infra.aliyun.client.actions import CALLER_IDENTITY, REGIONS, Action
from skoop.infra.aliyun.client.errors import (
    AliyunError,
    BadAnswer,
    Unavailable,
    UnknownRegion,
)


class Asker(Protocol):
    """Answers read-only requests: the client, or what a snapshot recorded."""

    def ask(self, action: Action, region: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """One whole answer. Raises AliyunError."""


class Identity(Struct, frozen=True):
    """The account and who in it is asking."""

    account: str
    arn: str
    kind: str


def identity(asker: Asker) -> Identity:
    """Who is asking. Raises AliyunError; an account is never guessed or empty."""
    answer = asker.ask(CALLER_IDENTITY, "", {})
    account = str(answer.get("AccountId") or "")
    if not account:
        raise BadAnswer("Aliyun does not say which account this access key belongs to.")
    return Identity(account, str(answer.get("Arn") or ""), str(answer.get("IdentityType") or ""))


def regions(asker: Asker) -> tuple[str, ...]:
    """The ids of the regions this account may use, sorted."""
    found = asker.ask(REGIONS, "", {}).get("Regions", {}).get("Region") or []
    return tuple(sorted(str(each["RegionId"]) for each in found))


def known_region(asker: Asker, region: str) -> str:
    """The region itself. Raises UnknownRegion with the list of those there are."""
    known = regions(asker)
    if region not in known:
        raise UnknownRegion(_no_region(region, known))
    return region


def problems(asker: Asker, region: str = "") -> tuple[str, ...]:
    """What is wrong with the key, or else with the region: a sentence each. Raises Unavailable
    when nobody answers."""
    try:
        identity(asker)
    except Unavailable:
        raise
    except AliyunError as error:
        return (str(error),)
    try:
        known = regions(asker)
    except AliyunError as error:
        return (str(error),)
    return () if not region or region in known else (_no_region(region, known),)


def _no_region(region: str, known: tuple[str, ...]) -> str:
    return f"Aliyun has no region {region!r}; there are: {', '.join(known)}."
