"""Whether collectors that stay in a cluster are of the version that asks them."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

from skoop.cluster.api import ApiClient, At, NotFoundError
from skoop.cluster.api.resource import DAEMON_SETS
from skoop.collector import labels
from skoop.collector.manifest import read_images
from skoop.collector.script import agent_script


class Version(Struct, frozen=True):
    """A part of skoop, its version here and in the cluster, and what follows from the two."""

    part: str
    here: str
    there: str
    state: str


class _Container(Struct, frozen=True):
    name: str = ""
    image: str = ""


class _PodSpec(Struct, frozen=True):
    containers: tuple[_Container, ...] = ()


class _Template(Struct, frozen=True):
    spec: _PodSpec = _PodSpec()


class _Spec(Struct, frozen=True):
    template: _Template = _Template()


class _DaemonSet(Struct, frozen=True):
    spec: _Spec = _Spec()


def agent_version() -> str:
    """The first digits of the agent's SHA-256: it has no other version than its text."""
    return hashlib.sha256(agent_script().encode()).hexdigest()[:12]


def installed(client: ApiClient, namespace: str) -> tuple[Version, ...]:
    """The image of the installed collectors against this version's, and the agent. Raises
    AccessError."""
    agent = Version(
        "agent", agent_version(), "-", "travels with each run, so it is always this one"
    )
    wanted = read_images(None).get(labels.CONTAINER, "")
    try:
        found = client.get(At(DAEMON_SETS, namespace, "skoop-collector"))
    except NotFoundError:
        state = f"no collectors in namespace {namespace}: each run starts its own"
        return (agent, Version("image", wanted, "-", state))
    pod = msgspec.json.decode(found, type=_DaemonSet).spec.template.spec
    there = next((each.image for each in pod.containers if each.name == labels.CONTAINER), "-")
    state = "the same" if there == wanted else "differs: any image with the agent's tools will do"
    return (agent, Version("image", wanted, there, state))
