"""Another kernel, for what this machine's own does not have: IPVS, IPIP, VLANs, traffic control.

A user-mode Linux of Debian's package `user-mode-linux` boots in two seconds on this machine's files
(read-only), runs one Python command as root, and ends. `python -m tests.guest -- -m MODULE ...`
What it is built without, WireGuard, has an emulated machine with Debian's kernel (`machine`).
"""

from tests.guest.boot import Ended, available, run

__all__ = ["Ended", "available", "run"]
