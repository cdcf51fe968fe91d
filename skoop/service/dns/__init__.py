"""Names as pods see them: what their resolver makes of one, and what the cluster's DNS answers."""

from skoop.service.dns.records import Answer, AnswerKind, answer
from skoop.service.dns.resolver import ClusterDns, PodResolver, cluster_dns, resolver_of

__all__ = [
    "Answer",
    "AnswerKind",
    "ClusterDns",
    "PodResolver",
    "answer",
    "cluster_dns",
    "resolver_of",
]
