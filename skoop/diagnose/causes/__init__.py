"""From what stopped a packet to the finding that names it.

One function per `Reason`, found in `table`. These are the direct causes: what the walk itself saw.
What should have been there instead comes from the plugin's and kube-proxy's expectations.
"""
