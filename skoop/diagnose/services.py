"""Causes that lie in a Service: what kube-proxy was told, and what it wrote."""

from __future__ import annotations

from skoop.cluster.resolve import Ends
from skoop.diagnose.cluster import Cluster
from skoop.diagnose.conversation import Question
from skoop.diagnose.verdict import Settled
from skoop.model.diagnosis import Suspicion


def service_causes(
    cluster: Cluster, ends: Ends, question: Question, settled: Settled
) -> tuple[Suspicion, ...]:
    """Why a Service gives no backend, or the wrong one. () when the destination is no Service."""
    del cluster, ends, question, settled
    return ()
