"""skoop says why one thing in a Kubernetes cluster cannot reach another."""

__version__ = "0.1.0"
