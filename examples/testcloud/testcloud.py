"""TestCloud: a whole cloud in a YAML file, and a provider for it in one file.

It has every place a provider has: its own resource tree (`read_tree`), where its network decides
differently (`DIALECT`), options, verification, a policy, commands, manifests, capabilities. skoop
loads it without being changed; docs/add-a-provider.md walks through it.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import msgspec
import yaml

from skoop.errors import AccessError, InputError, UsageError
from skoop.infra.capability import Capability
from skoop.infra.console import CloudCall, CloudCommand
from skoop.infra.dialect import Closed, Dialect
from skoop.infra.listing import listing, showing
from skoop.infra.options import OneOf, Option, Settings
from skoop.infra.permission import Permission
from skoop.infra.resources import (
    Eip,
    Instance,
    Interface,
    LoadBalancer,
    NatGateway,
    NetworkAcl,
    Peering,
    PortRange,
    PrefixList,
    Region,
    Resource,
    RouteTable,
    SecurityGroup,
    ServerGroup,
    Subnet,
    Subscription,
    Tree,
    Vpc,
    Zone,
)
from skoop.infra.source import CloudState, Gap, Scope
from skoop.model.address import Family, Prefix, parse_ip, parse_prefix
from skoop.model.kube import Node
from skoop.network.base import Context, Network
from skoop.network.cloud import Cloud, cloud_network
from skoop.provider.base import API_VERSION as SKOOP_API
from skoop.provider.base import Manifests

API_VERSION = 1
NAME = "testcloud"
PLATFORM = "TestCloud"
ACTION = "testcloud.ReadFile@1"

DIALECT = Dialect(
    platform=PLATFORM,
    own_ranges=(parse_prefix("100.64.0.0/10"),),
    closed_outbound=(Closed(6, 25, "TestCloud sends no mail"),),
)
SECTIONS: dict[str, type[Resource]] = {
    "subscriptions": Subscription,
    "regions": Region,
    "zones": Zone,
    "vpcs": Vpc,
    "subnets": Subnet,
    "route_tables": RouteTable,
    "network_acls": NetworkAcl,
    "prefix_lists": PrefixList,
    "security_groups": SecurityGroup,
    "instances": Instance,
    "interfaces": Interface,
    "nat_gateways": NatGateway,
    "eips": Eip,
    "load_balancers": LoadBalancer,
    "server_groups": ServerGroup,
    "peerings": Peering,
}
"""What a file may hold, and what becomes of it."""
OTHER = ("token", "forbidden", "nodes")
"""What else it may hold: the token it asks for, areas it refuses to tell, nodes by instance."""


# --- the tree ------------------------------------------------------------------------------------


def read_tree(document: Mapping[str, object]) -> Tree:
    """The tree of a file. Raises InputError, which names the section and the field."""
    resources: list[Resource] = []
    for section, value in document.items():
        if section in OTHER:
            continue
        if section not in SECTIONS:
            raise InputError(f"TestCloud: there is no section {section!r}.")
        kind = SECTIONS[section]
        for number, each in enumerate(value or ()):
            resources.append(converted(each, kind, f"{section}[{number}]"))
    return Tree(PLATFORM, resources)


def converted(value: object, kind: object, where: str) -> typing.Any:
    """A value of a YAML file as a type of the resource tree: addresses, networks, port ranges and
    enums are written as text, everything else as it is."""
    try:
        return _converted(value, kind, where)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"TestCloud: {where}: {error}") from error


def _converted(value: object, kind: typing.Any, where: str) -> typing.Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return converted(value, next(each for each in arguments if each is not type(None)), where)
    if arguments == (Family, int):
        return parse_ip(str(value))
    if origin is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        items = value if isinstance(value, list) else [value]
        return tuple(converted(each, arguments[0], f"{where}[{n}]") for n, each in enumerate(items))
    if origin is tuple:
        pairs = zip(value, arguments, strict=True)
        return tuple(converted(each, one, where) for each, one in pairs)
    if kind is Prefix:
        return parse_prefix(str(value))
    if kind is PortRange:
        first, _, last = str(value).partition("-")
        return PortRange(int(first), int(last or first))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return _struct(value, kind, where)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _struct(value: object, kind: type[msgspec.Struct], where: str) -> msgspec.Struct:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no {kind.__name__}")
    hints = typing.get_type_hints(kind)
    known = {each.name for each in msgspec.structs.fields(kind)}
    for name in value:
        if name not in known:
            raise ValueError(f"there is no field {name!r}")
    fields = {name: converted(each, hints[name], f"{where}.{name}") for name, each in value.items()}
    if issubclass(kind, Resource) and kind not in (Region, Subscription):
        fields.setdefault("region", "moon-1")
    return kind(**fields)


# --- where it comes from -------------------------------------------------------------------------


def read_file(path: str) -> dict[str, object]:
    """The document in a file. Raises AccessError when there is none to read."""
    try:
        document = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise AccessError(f"TestCloud cannot be asked: {path}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise InputError(f"TestCloud: {path} is not YAML: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"TestCloud: {path} holds no sections.")
    return document


def check_token(document: Mapping[str, object], settings: Settings) -> str:
    """What is wrong with the token, "" when nothing is."""
    wanted = document.get("token", "")
    if not wanted or settings["token"] == wanted:
        return ""
    return "InvalidAccessKey: TestCloud does not know this token."


class TestCloudSource:
    """Reads the file when the cloud may be asked, else what was recorded of it."""

    __test__ = False

    def __init__(self, context: Context) -> None:
        self._context = context
        self._answers = context.answers
        self._state: CloudState | None = None
        self._nodes: dict[str, str] = {}

    def state(self, scope: Scope) -> CloudState:
        """The whole file: it is small, so that a scope makes no difference."""
        del scope
        if self._state is None:
            self._state = self._read()
        return self._state

    def again(self, resource: Resource) -> Resource | None:
        """The resource as the file has it now."""
        if not self._context.live:
            return resource
        return read_tree(self._ask()).find(type(resource), resource.id)

    def recorded(self) -> Mapping[str, bytes]:
        """What was read."""
        return {NAME: self._answers.encode()} if len(self._answers) else {}

    def instance_of(self, node: Node) -> str:
        """The instance of a node: by its provider id, or as the file says."""
        self.state(Scope())
        return self._nodes.get(node.name) or node.provider_id.removeprefix("testcloud://")

    def _read(self) -> CloudState:
        try:
            document = self._ask() if self._context.live else self._recorded()
            tree = read_tree(document)
        except (AccessError, InputError) as error:
            gaps = tuple(Gap(each, str(error)) for each in Capability)
            return CloudState(Tree(PLATFORM), gaps)
        refused = document.get("forbidden", ())
        gaps = tuple(
            Gap(each, "Forbidden: grant testcloud:ReadFile")
            for each in Capability
            if each.value in refused
        )
        self._nodes = {str(name): str(each) for name, each in document.get("nodes", {}).items()}
        said = "TestCloud has one subscription" if not tree.all(Subscription) else ""
        return CloudState(tree, gaps, (said,) if said else (), complete=True)

    def _ask(self) -> dict[str, object]:
        path = self._context.settings["file"]
        if self._context.debug is not None:
            self._context.debug(f"testcloud ReadFile {path} token=(secret)")
        document = read_file(path)
        wrong = check_token(document, self._context.settings)
        if wrong:
            raise AccessError(wrong)
        answer = json.dumps({**document, "token": ""}).encode()
        self._answers = self._answers.with_answer(ACTION, {}, answer)
        return document

    def _recorded(self) -> dict[str, object]:
        answer = self._answers.find(ACTION, {})
        if answer is None:
            raise AccessError("the snapshot holds no answers of TestCloud; --ask-cloud asks it")
        return typing.cast(dict[str, object], json.loads(answer))


class TestCloudConsole:
    """What `skoop cloud testcloud` asks."""

    __test__ = False

    def __init__(self, tree: Tree, region: str) -> None:
        self._tree, self._region = tree, region

    def resources(self, kind: type[Resource]) -> tuple[Resource, ...]:
        """All of a type in the region."""
        found = self._tree.all(kind)
        return tuple(each for each in found if each.region in ("", self._region))

    def gid(self, resource: Resource) -> str:
        """Its global id."""
        return self._tree.gid(resource)


# --- the provider --------------------------------------------------------------------------------


class TestCloudProvider:
    """The whole provider."""

    __test__ = False
    api_version = SKOOP_API
    name = NAME
    describes = "A cloud in a YAML file, for tests and as an example."
    options = (
        Option(
            name="file", flag="--testcloud-file", environment="TESTCLOUD_FILE",
            help="The YAML file that is the cloud.", required=True,
        ),
        Option(
            name="token", flag="--testcloud-token", environment="TESTCLOUD_TOKEN",
            help="The token that the file asks for.", secret=True,
        ),
        Option(
            name="region", flag="--testcloud-region", environment="TESTCLOUD_REGION",
            help="The region that commands list.", default="moon-1",
        ),
        Option(
            name="tidiness", flag="--testcloud-tidiness", environment="TESTCLOUD_TIDINESS",
            help="Means nothing.", choices=("low", "high"), default="high",
        ),
    )  # fmt: skip
    one_of: tuple[OneOf, ...] = ()
    capabilities = tuple(Capability)
    permissions = (Permission("testcloud", "1", "ReadFile", "testcloud:ReadFile"),)
    platforms = ("TestCloud",)
    commands: tuple[CloudCommand, ...] = (
        listing("region-list", Region, ("endpoint",)),
        listing("vpc-list", Vpc, ("cidrs",)),
        listing("vswitch-list", Subnet, ("vpc", "zone", "cidrs")),
        listing("route-table-list", RouteTable, ("vpc", "main", "subnets")),
        listing("security-group-list", SecurityGroup, ("vpc", "type")),
        showing("security-group-show", SecurityGroup, "rules", ("way", "action", "ports", "peer")),
        listing("instance-list", Instance, ("subnet", "running")),
        listing("eip-list", Eip, ("address", "bound_to")),
        listing("lb-list", LoadBalancer, ("flavour", "addresses")),
    )

    def claims(self, provider_id: str) -> bool:
        """`testcloud://INSTANCE`."""
        return provider_id.startswith("testcloud://")

    def manifests(self) -> Manifests:
        """A ConfigMap that names the cloud, next to the common manifests."""
        config = {
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "skoop-testcloud", "namespace": "skoop"},
            "data": {"platform": PLATFORM},
        }  # fmt: skip
        return Manifests(assets=(("testcloud.yaml", yaml.safe_dump(config)),))

    def policy(self) -> str:
        """The permissions in TestCloud's syntax, which is JSON."""
        return json.dumps({"allow": [each.grant for each in self.permissions]}, indent=2)

    def verify(self, settings: Settings) -> tuple[str, ...]:
        """Read the file and compare the token."""
        document = read_file(settings["file"])
        read_tree(document)
        return tuple(filter(None, (check_token(document, settings),)))

    def console(self, settings: Settings, call: CloudCall) -> TestCloudConsole:
        """Read the file."""
        if call.debug is not None:
            call.debug(f"testcloud ReadFile {settings['file']} token=(secret)")
        document = read_file(settings["file"])
        wrong = check_token(document, settings)
        if wrong:
            raise AccessError(wrong)
        tree = read_tree(document)
        region = call.region or settings["region"]
        known = [each.id for each in tree.all(Region)]
        if known and region not in known:
            raise UsageError(f"There is no region {region!r}; there are {', '.join(known)}.")
        return TestCloudConsole(tree, region)

    def create_network(self, context: Context) -> Network:
        """A network over the tree."""
        source = TestCloudSource(context)
        cloud = Cloud(
            source=source,
            dialect=DIALECT,
            capabilities=self.capabilities,
            instance_of=source.instance_of,
        )
        return cloud_network(context, cloud)


def create_provider() -> TestCloudProvider:
    """What skoop calls once the file has passed every check."""
    return TestCloudProvider()
