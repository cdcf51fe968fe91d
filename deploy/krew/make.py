"""The archive and manifest of the krew plugin.

    python deploy/krew/make.py --url https://HOST/RELEASES dist

writes dist/kubectl-skoop.tar.gz, the same bytes each time, to be put under that URL, and
dist/skoop.yaml, for `kubectl krew install --manifest=dist/skoop.yaml`.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import re
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ARCHIVE = "kubectl-skoop.tar.gz"
_MEMBERS = (HERE / "kubectl-skoop", ROOT / "LICENSE")

MANIFEST = """\
apiVersion: krew.googlecontainertools.github.com/v1alpha2
kind: Plugin
metadata:
  name: skoop
spec:
  version: v{version}
  homepage: {url}
  shortDescription: Say why one thing cannot reach another
  description: |
    Takes the state that is really on the nodes (routes, rules, iptables, nftables, bridges,
    tunnels, conntrack, sockets), walks a packet through it as the kernel would, there and back,
    and names what stops it.
  caveats: |
    Needs Python 3.11 or later with the package skoop (pipx install skoop).
  platforms:
    - selector:
        matchExpressions:
          - key: os
            operator: In
            values: [linux, darwin]
      uri: {url}/{archive}
      sha256: {sha256}
      files:
        - from: kubectl-skoop
          to: .
        - from: LICENSE
          to: .
      bin: kubectl-skoop
"""


def version() -> str:
    """The package's version, without importing it."""
    text = (ROOT / "skoop" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "([^"]+)"', text, re.MULTILINE)
    if match is None:
        raise SystemExit("skoop/__init__.py names no version")
    return match[1]


def archive() -> bytes:
    """The plugin's files, with no time and no owner."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in _MEMBERS:
            entry = tarfile.TarInfo(path.name)
            entry.size = path.stat().st_size
            entry.mode = 0o755 if path.name == "kubectl-skoop" else 0o644
            tar.addfile(entry, io.BytesIO(path.read_bytes()))
    return gzip.compress(buffer.getvalue(), mtime=0)


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description="The archive and manifest of the krew plugin.")
    parser.add_argument("--url", required=True, help="https:// where the archive will lie")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    if not given.url.startswith("https://"):
        parser.error("--url begins with https://")
    given.folder.mkdir(parents=True, exist_ok=True)
    data = archive()
    (given.folder / ARCHIVE).write_bytes(data)
    text = MANIFEST.format(
        version=version(),
        url=given.url.rstrip("/"),
        archive=ARCHIVE,
        sha256=hashlib.sha256(data).hexdigest(),
    )
    (given.folder / "skoop.yaml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
