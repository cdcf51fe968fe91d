"""Calico's selector language (docs.tigera.io, "Selectors" of NetworkPolicy).

all()  global()  has(k)  k == "v"  k != "v"  k in {"a", "b"}  k not in {"a"}
k contains "s"  k starts with "s"  k ends with "s"   combined by !, &&, || and parentheses
"""

from skoop.policy.selector.parse import parse_selector
from skoop.policy.selector.tree import Expr

__all__ = ["Expr", "parse_selector"]
