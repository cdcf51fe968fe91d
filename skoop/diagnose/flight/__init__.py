"""One packet on its way, until it is delivered, stopped, or out of sight.

`flight` drives it from event to event; `stations` finds who takes it on a link or a bridge,
`cables` carries it to the next namespace, `travel` writes down what it met between the nodes,
`end` is where it can end.
"""

from skoop.diagnose.flight.end import Delivered, End, Ended, Left
from skoop.diagnose.flight.flight import Flight

__all__ = ["Delivered", "End", "Ended", "Flight", "Left"]
