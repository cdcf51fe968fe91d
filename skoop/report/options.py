"""What a renderer may be told, and the text every renderer must make safe."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class Detail(Enum):
    """How much of the answer is shown as text."""

    QUIET = "one line"
    NORMAL = "verdict, path, causes"
    VERBOSE = "every step with its rule"


class RenderOptions(Struct, frozen=True):
    """`width` is in columns. Colour is only ever an addition: no meaning hangs on it. `ascii` is
    for terminals that cannot draw lines. `detail` applies to text."""

    width: int = 80
    color: bool = False
    ascii: bool = False
    detail: Detail = Detail.NORMAL


def clean(text: str) -> str:
    r"""Text from a cluster, harmless on a terminal: what does not print becomes \xNN or \uNNNN.

    Names and rule comments are chosen by others, so they may hold escape sequences or characters
    that reverse the reading direction. Tabs become spaces.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escape(one) for one in text)


def _escape(one: str) -> str:
    if one == "\t":
        return " "
    return one.encode("unicode_escape").decode("ascii")
