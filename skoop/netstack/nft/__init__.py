"""nftables rulesets: `read_ruleset` reads what `nft -j list ruleset` prints, `read_text` what
`nft list ruleset` prints (for hosts whose nft has no JSON)."""

from skoop.netstack.nft.compiler import modelled
from skoop.netstack.nft.reader import read_ruleset, read_text

__all__ = ["modelled", "read_ruleset", "read_text"]
