"""Small provider plugins for tests, written to files that may be refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

SMALL = """
from skoop.infra.options import Option
from skoop.provider.generic import GenericProvider

API_VERSION = 1
NAME = "small"


class Small(GenericProvider):
    name = "small"
    options = (
        Option(name="token", flag="--small-token", environment="SMALL_TOKEN", help="A token.",
               required=True, secret=True),
        Option(name="zone", flag="--small-zone", environment="SMALL_ZONE", help="A zone.",
               choices=("a", "b"), default="a"),
    )

    def verify(self, settings):
        return ("The token is wrong.",) if settings["token"] == "wrong" else ()

    def policy(self):
        return "allow nothing"


def create_provider():
    return Small()
"""


def written(folder: Path, text: str = SMALL, name: str = "small.py") -> list[str]:
    """The flags that name a plugin file with this text."""
    folder.chmod(0o700)
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return flags(path)


def flags(path: Path, text: str | None = None) -> list[str]:
    """The flags that name a file, with the hash of what is in it or of another text."""
    data = path.read_bytes() if text is None else text.encode()
    digest = hashlib.sha256(data).hexdigest()
    return ["--provider-plugin", str(path), "--provider-plugin-sha256", digest]
