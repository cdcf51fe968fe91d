"""The demos that are shipped."""

from __future__ import annotations

from itertools import groupby

import pytest

from skoop.demo import demos, find_demo
from skoop.errors import UsageError


def test_names_are_unique() -> None:
    assert len({one.name for one in demos()}) == len(demos())


def test_families_stand_together() -> None:
    families = [family for family, _ in groupby(demos(), lambda one: one.family)]
    assert len(set(families)) == len(families)


def test_every_file_is_there() -> None:
    for one in demos():
        with one.path() as path:
            assert path.is_file()
            assert path.name.endswith(".tar.gz")


def test_find() -> None:
    for one in demos():
        assert find_demo(one.name) is one


def test_find_nothing() -> None:
    with pytest.raises(UsageError, match="no demo 'nope'"):
        find_demo("nope")
