"""The text of `ip -j`, `bridge -j`, `ss`, `conntrack`, rule dumps, ... -> Namespace.

One module per tool; each is a total function from text to state or `ParseError`. `read_namespace`
puts them together and turns what is missing into gaps.
"""

from skoop.netstack.dump.cache import ReadCache
from skoop.netstack.dump.namespace import read_namespace
from skoop.netstack.dump.output import Output

__all__ = ["Output", "ReadCache", "read_namespace"]
