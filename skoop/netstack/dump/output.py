"""What a command printed, as the collector hands it over."""

from __future__ import annotations

from msgspec import Struct


class Output(Struct, frozen=True, omit_defaults=True):
    """One command's result. `rc` is its exit status: 127 when the tool is not installed, 126 when
    it may not be run, 124 when it was stopped because it took too long."""

    stdout: str = ""
    rc: int = 0
    stderr: str = ""

    @property
    def failure(self) -> str:
        """Why this output cannot be used, as one clause; "" when it can."""
        if self.rc == 0:
            return ""
        reason = " ".join(self.stderr.split())[:200]
        if self.rc == 127:
            return "is not installed" if not reason else f"cannot be run ({reason})"
        return f"failed with status {self.rc}" + (f" ({reason})" if reason else "")
