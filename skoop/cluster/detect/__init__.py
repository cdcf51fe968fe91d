"""What kind of cluster this is, and where each fact comes from.

Facts are looked for in this order: what the user said, configuration objects, command lines of
system pods, annotations of nodes, and last what is found on the nodes. A configuration that cannot
be read is a note, never an error.
"""

from skoop.cluster.detect.detect import detect, known_plugin
from skoop.cluster.detect.facts import ClusterFacts, Cni, Fact, FlannelConfig

__all__ = ["ClusterFacts", "Cni", "Fact", "FlannelConfig", "detect", "known_plugin"]
