"""Certificates and kubeconfigs of a cluster, made with openssl and valid for two days."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.e2e.machine import CONTROL_ADDRESS, NODES, STATE, run

FOLDER = STATE / "pki"
SERVER = f"https://{CONTROL_ADDRESS}:6443"
ADMIN = STATE / "admin.kubeconfig"

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def write_credentials() -> None:
    """Make the authority, the API server's certificate, and a kubeconfig for each user."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    run("openssl", "req", "-x509", *_NEW_KEY, *_files("ca"), "-subj", "/CN=skoop-e2e")
    names = "DNS:kubernetes.default.svc,DNS:kubernetes.default"
    _certificate("server", "/CN=kube-apiserver", f"{names},IP:{CONTROL_ADDRESS},IP:10.96.0.1")
    run("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1",
        "-out", str(FOLDER / "accounts.key"))  # fmt: skip
    run("openssl", "pkey", "-in", str(FOLDER / "accounts.key"), "-pubout",
        "-out", str(FOLDER / "accounts.pub"))  # fmt: skip
    _user("admin", "/O=system:masters/CN=admin")
    for node in NODES:
        _user(node, f"/O=system:nodes/CN=system:node:{node}")


def _user(name: str, subject: str) -> None:
    _certificate(name, subject)
    user = {
        "client-certificate-data": _encoded(f"{name}.crt"),
        "client-key-data": _encoded(f"{name}.key"),
    }
    cluster = {"server": SERVER, "certificate-authority-data": _encoded("ca.crt")}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "e2e",
        "clusters": [{"name": "e2e", "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": name}}],
    }
    (STATE / f"{name}.kubeconfig").write_text(json.dumps(config))


def _certificate(name: str, subject: str, alternatives: str = "") -> None:
    authority = ("-CA", str(FOLDER / "ca.crt"), "-CAkey", str(FOLDER / "ca.key"))
    extra = ("-addext", f"subjectAltName={alternatives}") if alternatives else ()
    extensions = ("-addext", "basicConstraints=critical,CA:FALSE", *extra)
    run("openssl", "req", "-x509", *authority, *_NEW_KEY, *_files(name), "-subj", subject,
        *extensions)  # fmt: skip


def _files(name: str) -> tuple[str, ...]:
    return ("-keyout", str(FOLDER / f"{name}.key"), "-out", str(FOLDER / f"{name}.crt"))


def _encoded(name: str) -> str:
    return base64.b64encode(Path(FOLDER / name).read_bytes()).decode()
