"""All pairs at once: pods that no policy can tell apart are one class, traffic that no policy can
tell apart is one atom, and sets of classes are the bits of an integer.

    space = Space.of(parties, (before, after))
    old, new = connectivity(space, before), connectivity(space, after)
"""

from skoop.policy.pairs.atoms import Atom
from skoop.policy.pairs.changes import Change, changes
from skoop.policy.pairs.connectivity import Connectivity, connectivity
from skoop.policy.pairs.space import Space

__all__ = ["Atom", "Change", "Connectivity", "Space", "changes", "connectivity"]
