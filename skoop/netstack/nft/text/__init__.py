"""The text form of a listing (`nft list ruleset`), read into the JSON form."""

from skoop.netstack.nft.text.blocks import read_document

__all__ = ["read_document"]
