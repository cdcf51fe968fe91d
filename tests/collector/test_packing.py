from __future__ import annotations

import contextlib
import gzip
import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skoop.collector.packing import posix_cksum, unpack
from skoop.errors import ParseError

TEXT = b"skoop-agent 1 0a1b2c3d-0000-4000-8000-0123456789ab\n" + bytes(range(256)) * 50


def summed(data: bytes) -> bytes:
    return data + b"\nskoop-cksum %d %d\n" % (posix_cksum(data), len(data))


PACKED = {
    "gzip": b"skoop-pack gzip\n" + gzip.compress(TEXT),
    "cksum": b"skoop-pack cksum\n" + summed(TEXT),
}


@pytest.mark.parametrize("how", PACKED)
def test_whole(how: str) -> None:
    assert unpack(PACKED[how], "k1") == TEXT


@pytest.mark.parametrize("how", PACKED)
@settings(max_examples=100)
@given(data=st.data())
def test_every_missing_or_changed_byte_is_noticed(how: str, data: st.DataObject) -> None:
    packed = PACKED[how]
    cut = data.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(ParseError):
        unpack(packed[:cut], "k1")
    at = data.draw(st.integers(len(f"skoop-pack {how}\n") + 10, len(packed) - 1))
    changed = bytearray(packed)
    changed[at] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(ParseError):
        assert unpack(bytes(changed), "k1") == TEXT


WRONG = {
    "nothing": (b"", "not the packed output"),
    "a shell's complaint": (b"sh: not found", "not the packed output"),
    "another packing": (b"skoop-pack rar\nx", "not the packed output"),
    "gzip of no gzip": (b"skoop-pack gzip\nnot gzip", "damaged"),
    "gzip of nothing": (b"skoop-pack gzip\n", "cut off"),
    "a wrong sum": (b"skoop-pack cksum\nab\nskoop-cksum 1 2\n", "checksum"),
    "too much, packed": (b"skoop-pack gzip\n" + gzip.compress(b"x" * 2000), "more than the 1000"),
    "too much, plain": (b"skoop-pack plain\n" + b"x" * 2000, "more than the 1000"),
}


@pytest.mark.parametrize(("data", "problem"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(data: bytes, problem: str) -> None:
    with pytest.raises(ParseError, match=problem):
        unpack(data, "k1", limit=1000)


@pytest.mark.skipif(shutil.which("cksum") is None, reason="no cksum(1)")
@pytest.mark.parametrize("data", [b"", b"a", bytes(range(256)) * 300], ids=["none", "one", "many"])
def test_the_sum_is_the_one_of_cksum(data: bytes) -> None:
    done = subprocess.run(["cksum"], input=data, capture_output=True, check=True)
    assert done.stdout.split() == [b"%d" % posix_cksum(data), b"%d" % len(data)]
