"""nftables rulesets: `read_ruleset` reads what `nft -j list ruleset` prints."""

from skoop.netstack.nft.compiler import modelled
from skoop.netstack.nft.reader import read_ruleset

__all__ = ["modelled", "read_ruleset"]
