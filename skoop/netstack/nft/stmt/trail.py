"""Notes of what a rule did; the rule adds its own text to them."""

from __future__ import annotations

from msgspec import structs

from skoop.netstack.netfilter import Fired
from skoop.netstack.nft.world import World


def fire(world: World, effect: str) -> World:
    """Add a note without its rule."""
    return structs.replace(world, fired=(*world.fired, Fired("", "", effect)))
