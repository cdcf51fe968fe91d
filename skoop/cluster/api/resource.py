"""Where things are in the API, and what one does to them."""

from __future__ import annotations

from urllib.parse import quote

from msgspec import Struct


class Resource(Struct, frozen=True):
    """A kind of object. `group` is "" for the core API; `plural` its name in URLs and in RBAC."""

    plural: str
    group: str = ""
    version: str = "v1"

    @property
    def rbac(self) -> str:
        """As `kubectl auth can-i` takes it: "networkpolicies.networking.k8s.io"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


PODS = Resource("pods")
NODES = Resource("nodes")
NAMESPACES = Resource("namespaces")
SERVICES = Resource("services")
EVENTS = Resource("events")
CONFIG_MAPS = Resource("configmaps")
DAEMON_SETS = Resource("daemonsets", "apps")
DEPLOYMENTS = Resource("deployments", "apps")


class At(Struct, frozen=True):
    """A place in the API: all objects of a resource, those of a namespace, or one by name."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def path(self) -> str:
        """The path under the server's address, each part escaped."""
        group, version = self.resource.group, self.resource.version
        parts = ["apis", group, version] if group else ["api", version]
        if self.namespace:
            parts += ["namespaces", self.namespace]
        parts.append(self.resource.plural)
        parts += [part for part in (self.name, self.subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)

    @property
    def rbac(self) -> str:
        """The resource as RBAC calls it, with its subresource: "pods/exec"."""
        if not self.subresource:
            return self.resource.rbac
        plural, dot, group = self.resource.rbac.partition(".")
        return f"{plural}/{self.subresource}{dot}{group}"

    def __str__(self) -> str:
        where = f" in namespace {self.namespace}" if self.namespace else ""
        name = f" {self.name}" if self.name else ""
        return f"{self.rbac}{name}{where}"


class Call(Struct, frozen=True):
    """A verb of RBAC ("list", "watch", "deletecollection", ...) at a place."""

    verb: str
    at: At

    def __str__(self) -> str:
        return f"{self.verb} {self.at}"
