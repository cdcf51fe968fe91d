"""A command in a running container, over a WebSocket: byte-exact, whole, with its exit status."""

from skoop.collector.exec.result import ExecError, Executed
from skoop.collector.exec.run import execute

__all__ = ["ExecError", "Executed", "execute"]
