"""The result of a diagnosis. docs/json.md and report/schema.json describe its JSON."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from skoop.model.disposition import Direction, Level, Result, Verdict
from skoop.model.packet import Packet
from skoop.model.trace import Evidence, Trace


class EndpointKind(Enum):
    """What an endpoint is."""

    POD = "pod"
    NODE = "node"
    SERVICE = "service"
    EXTERNAL = "external"


class Endpoint(Struct, frozen=True, kw_only=True):
    """One end of the question, or the server that answers. `ip` is text, "" when unknown; `port` 0
    when it does not apply; `node` is the Kubernetes node it runs on."""

    kind: EndpointKind
    name: str
    namespace: str = ""
    ip: str = ""
    node: str = ""
    port: int = 0

    def __str__(self) -> str:
        name = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind.value} {name}"


class PathNodeKind(Enum):
    """What a node of the path graph is."""

    POD = "pod"
    NODE = "node"
    EXTERNAL = "external"
    CLOUD = "cloud"


class PathNode(Struct, frozen=True):
    """A namespace or a cloud device the packet met. `id` is unique in the graph."""

    id: str
    kind: PathNodeKind
    name: str
    namespace: str = ""
    ip: str = ""
    emulated: bool = False


class PathLink(Struct, frozen=True):
    """A packet going from one path node to the next. `type` is the medium ("veth", "bridge",
    "vxlan", "ipip", "wireguard", "underlay", "cloud"); `encap` the outer packet of a tunnel."""

    source: str
    target: str
    type: str
    oif: str
    iif: str
    packet: Packet
    direction: Direction
    encap: Packet | None = None


class PacketPath(Struct, frozen=True):
    """Nodes and links in the order the packets met them; `graph()` gives it to networkx."""

    nodes: tuple[PathNode, ...] = ()
    links: tuple[PathLink, ...] = ()


class Where(Struct, frozen=True):
    """The place a suspicion is about: kind is "node", "pod", "service", "policy",
    "cluster" or "cloud"."""

    kind: str
    name: str

    @classmethod
    def of(cls, namespace_id: str) -> Where:
        """The place of a network namespace: "node/k1", "pod/shop/web"."""
        kind, _, name = namespace_id.partition("/")
        return cls(kind, name)

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Suspicion(Struct, frozen=True, kw_only=True):
    """One likely cause.

    `code` and `name` come from the catalogue in findings/. `blocking` means: this alone stops the
    traffic asked about. `message` is one or two sentences in the user's terms; `why` says what it
    does to this packet; `fix` is a suggestion, a command where there is one.
    """

    code: str
    name: str
    level: Level
    blocking: bool
    where: Where
    direction: Direction
    message: str
    evidence: tuple[Evidence, ...]
    why: str = ""
    fix: str = ""


class BranchOutcome(Struct, frozen=True, kw_only=True):
    """What the client observes on one branch. `weight` is the share of connections, 0..1;
    `server` is who answers (None when nobody does); `seen_source` is the client's address as that
    server sees it, "" when none does; `branches` are the numbers that the traces which lead here
    carry."""

    weight: float
    result: Result
    server: Endpoint | None = None
    seen_source: str = ""
    branches: tuple[int, ...] = ()


class NotChecked(Struct, frozen=True):
    """Something skoop did not look at, and why."""

    what: str
    why: str


class Diagnosis(Struct, frozen=True, kw_only=True):
    """The whole answer. `suspicions` are ordered, most likely cause first."""

    verdict: Verdict
    source: Endpoint
    destination: Endpoint
    protocol: str
    summary: str
    outcomes: tuple[BranchOutcome, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    path: PacketPath = PacketPath()
    traces: tuple[Trace, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()
    assumptions: tuple[str, ...] = ()
