"""What every cause is made from."""

from __future__ import annotations

from msgspec import Struct

from skoop.diagnose.cluster import Cluster
from skoop.diagnose.story import Blocker
from skoop.findings.base import Finding
from skoop.model.diagnosis import Suspicion, Where
from skoop.model.trace import Evidence
from skoop.netstack.stack import Stack


class Setting(Struct, frozen=True):
    """A blocker in its cluster."""

    cluster: Cluster
    blocker: Blocker

    @property
    def stack(self) -> Stack:
        """The namespace where the packet was stopped."""
        return self.cluster.world.stacks[self.blocker.node]

    @property
    def place(self) -> str:
        """The namespace for a sentence: "node k1", "pod shop/web"."""
        return str(Where.of(self.blocker.node))

    @property
    def in_pod(self) -> bool:
        """Whether the packet was stopped inside a pod."""
        return self.blocker.node.startswith("pod/")

    def suspect(
        self, finding: type[Finding], message: str, *, fix: str = "", why: str = "",
        evidence: tuple[Evidence, ...] = (),
    ) -> Suspicion:  # fmt: skip
        """The finding at this place, blocking, with the stop's evidence."""
        stop = self.blocker.stop
        shown = (*evidence, *stop.evidence) or (
            Evidence(f"walk on {self.blocker.node}", stop.detail),
        )
        return finding.suspect(
            where=Where.of(self.blocker.node),
            direction=self.blocker.direction,
            message=message,
            evidence=shown,
            blocking=True,
            why=why or f"{self.blocker.leg.value} {self.blocker.packet}: {stop.detail}",
            fix=fix,
        )
