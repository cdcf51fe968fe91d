"""What the server says about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.apiserver.server import Request

VERSION = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.1",
    "gitCommit": "0" * 40,
    "gitTreeState": "clean",
    "buildDate": "2025-09-09T19:37:30Z",
    "goVersion": "go1.24.6",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]


def discover(request: Request) -> None:
    """Every path that is no resource."""
    parts = request.path.strip("/").split("/")
    content: dict[str, Any] | None = None
    kinds = request.server.resources.values()
    if parts == ["version"]:
        content = VERSION
    elif request.path in ("/healthz", "/readyz", "/livez"):
        request.send(b"ok", content_type="text/plain")
        return
    elif parts == ["api"]:
        content = {"kind": "APIVersions", "versions": ["v1"]}
    elif parts == ["apis"]:
        groups = sorted({(each.group, each.version) for each in kinds if each.group})
        content = {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [_group(*g) for g in groups],
        }
    elif parts[0] in ("api", "apis") and len(parts) in (2, 3):
        wanted = "/".join(parts[1:])
        found = [each for each in kinds if each.api_version == wanted]
        if found:
            content = {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": wanted}
            content["resources"] = [
                {
                    "name": each.plural,
                    "singularName": each.kind.lower(),
                    "namespaced": each.namespaced,
                    "kind": each.kind,
                    "verbs": _VERBS,
                }
                for each in found
            ]
    if content is None:
        request.refuse(404, "the server could not find the requested resource")
    else:
        request.send_json(content)


def _group(name: str, version: str) -> dict[str, Any]:
    one = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [one], "preferredVersion": one}
