"""Which provider serves a cluster, when the user does not say."""

from __future__ import annotations

import json

import pytest

from skoop.errors import UsageError
from skoop.model.kube import Node
from skoop.provider.auto import choose
from skoop.provider.generic import GenericProvider
from skoop.provider.registry import Entry, Registry


class Acme(GenericProvider):
    name = "acme"
    platforms = ("Acme",)

    def claims(self, provider_id: str) -> bool:
        return provider_id.startswith("acme://")


class Bolt(Acme):
    name = "bolt"
    platforms = ("Bolt",)

    def claims(self, provider_id: str) -> bool:
        return provider_id.startswith(("bolt://", "acme://both"))


REGISTRY = Registry(
    Entry(name=each.name, origin="test", load=each) for each in (GenericProvider, Acme, Bolt)
)


def infrastructure(platform: str, *, old: bool = False) -> dict[str, bytes]:
    status = {"platform": platform} if old else {"platformStatus": {"type": platform}}
    return {"infrastructures": json.dumps({"items": [{"status": status}]}).encode()}


def nodes(*ids: str) -> list[Node]:
    return [Node(name=f"n{number}", provider_id=each) for number, each in enumerate(ids)]


CHOSEN = {
    "all nodes of one cloud": (nodes("acme://1", "acme://2"), {}, "acme", ""),
    "no provider ids": (nodes("", ""), {}, "generic", ""),
    "no nodes": ([], {}, "generic", ""),
    "kind": (nodes("kind://docker/kind/n0"), {}, "generic", ""),
    "an unknown cloud is said": (nodes("moon://1", "moon://2"), {}, "generic", "moon://"),
    "the infrastructure object": (nodes("", ""), infrastructure("Acme"), "acme", ""),
    "its older field": (nodes(""), infrastructure("Acme", old=True), "acme", ""),
    "it and the nodes agree": (nodes("acme://1"), infrastructure("Acme"), "acme", ""),
    "bare metal": (nodes(""), infrastructure("BareMetal"), "generic", ""),
    "an unknown platform is said": (nodes(""), infrastructure("Moon"), "generic", "Moon"),
    "a refused list": (nodes("acme://1"), {"infrastructures": b'{"kind": "Status"}'}, "acme", ""),
}


@pytest.mark.parametrize(("given", "documents", "name", "said"), CHOSEN.values(), ids=CHOSEN)
def test_chosen(given, documents, name: str, said: str) -> None:
    chosen = choose("auto", REGISTRY, given, documents)
    assert chosen.provider.name == name
    assert [said in note.why for note in chosen.notes] == ([True] if said else [])


ASKED = {
    "two clouds": (nodes("acme://1", "bolt://2"), {}, "acme: n0; bolt: n1"),
    "some without": (nodes("acme://1", ""), {}, "generic: n1"),
    "some unknown": (nodes("acme://1", "moon://2"), {}, "unknown: n1"),
    "claimed by two": (nodes("acme://both"), {}, "acme and bolt: n0"),
    "the object says another": (nodes("acme://1"), infrastructure("Bolt"), "Bolt"),
    "the object says an unknown": (nodes("acme://1"), infrastructure("Moon"), "Moon"),
}


@pytest.mark.parametrize(("given", "documents", "said"), ASKED.values(), ids=ASKED)
def test_asked_for(given, documents, said: str) -> None:
    with pytest.raises(UsageError, match=r"--provider generic\|acme\|bolt") as caught:
        choose("auto", REGISTRY, given, documents)
    assert said in str(caught.value)


def test_a_name_is_taken_as_it_is() -> None:
    assert choose("bolt", REGISTRY, nodes("acme://1"), {}).provider.name == "bolt"
