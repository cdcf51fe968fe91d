"""Into a cluster as kubectl goes: a kubeconfig, else the service account of one's own pod."""

from __future__ import annotations

import logging
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skoop.cluster.api.client import ApiClient
from skoop.cluster.api.connection import Connection
from skoop.cluster.api.retry import Patience
from skoop.errors import AccessError

if TYPE_CHECKING:
    from kubernetes.client import Configuration
    from urllib3 import PoolManager

_DEFAULT_FILE = "~/.kube/config"
_IN_CLUSTER = "KUBERNETES_SERVICE_HOST"
_POOL = 32
_SHOWN = 300
_DEFAULT_PATIENCE = Patience()


def connect(
    kubeconfig: str = "", context: str = "", patience: Patience = _DEFAULT_PATIENCE
) -> ApiClient:
    """A client for the cluster that a kubeconfig's context names.

    `kubeconfig` is a file, or several separated by ":"; "" takes $KUBECONFIG, else ~/.kube/config,
    else the service account of the pod this runs in. `context` "" is the current one. Exec plugins
    and OIDC refreshes run here. Nothing is asked of the API server yet. Raises AccessError when a
    file that was named cannot be read: another cluster is never taken instead.
    """
    source = find_kubeconfig(kubeconfig)
    if not source and context:
        raise AccessError(f"There is no kubeconfig to look for the context {context!r} in.")
    return ApiClient(lambda: _connection(source, context), patience)


def find_kubeconfig(named: str = "") -> str:
    """The kubeconfig files to use, separated by ":"; "" for a service account. Raises AccessError
    when there is neither."""
    if named:
        for path in filter(None, named.split(os.pathsep)):
            _check_readable(path)
        return named
    variable = os.environ.get("KUBECONFIG", "")
    listed = [path for path in variable.split(os.pathsep) if path]
    present = [path for path in listed if Path(path).expanduser().exists()]
    if listed and not present:
        raise AccessError(f"KUBECONFIG names {variable}, which does not exist.")
    if not listed and Path(_DEFAULT_FILE).expanduser().exists():
        present = [_DEFAULT_FILE]
    for path in present:
        _check_readable(path)
    if not present and not os.environ.get(_IN_CLUSTER):
        raise AccessError(
            "There is no kubeconfig (--kubeconfig, KUBECONFIG, ~/.kube/config), and this is not a"
            " pod of a cluster. Without a cluster at hand, try --snapshot PATH or --demo NAME."
        )
    return os.pathsep.join(present)


def contexts(kubeconfig: str = "") -> tuple[str, ...]:
    """The names of the contexts there are. Raises AccessError."""
    source = find_kubeconfig(kubeconfig)
    if not source:
        return ()
    with _explained(f"kubeconfig {source}"):
        from kubernetes.config import list_kube_config_contexts

        found, _ = list_kube_config_contexts(source)  # type: ignore[no-untyped-call]
    return tuple(str(each["name"]) for each in found)


def _check_readable(path: str) -> None:
    try:
        with Path(path).expanduser().open("rb") as file:
            file.read(1)
    except OSError as error:
        raise AccessError(f"Cannot read the kubeconfig {path}: {error.strerror}.") from error


def _connection(source: str, context: str) -> Connection:
    if source and context:
        _check_context(source, context)
    with _explained(f"kubeconfig {source}" if source else "the service account"):
        from kubernetes.client import Configuration

        # The class keeps a default that other code in the process may have set.
        configuration = type.__call__(Configuration)
        configuration.connection_pool_maxsize = _POOL
        if source:
            _load(configuration, source, context)
        else:
            from kubernetes.config import load_incluster_config

            load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return _from_configuration(configuration)


def _check_context(source: str, context: str) -> None:
    known = contexts(source)
    if context not in known:
        there = f"there is {', '.join(known)}" if known else "there is none"
        raise AccessError(f"There is no context {context!r} in kubeconfig {source}; {there}.")


def _load(configuration: Configuration, source: str, context: str) -> None:
    from kubernetes.config import load_kube_config

    with _plugin_complaints() as complaints:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=source, context=context or None, client_configuration=configuration
        )
    if complaints:
        # The package goes on without credentials where its plugin failed.
        raise AccessError(f"The credential plugin of {source} failed: {_line(complaints[0])}.")


def _from_configuration(configuration: Configuration) -> Connection:
    import urllib3
    from kubernetes.client.rest import RESTClientObject

    if not configuration.verify_ssl:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    pool = RESTClientObject(configuration).pool_manager
    _give_contexts(pool, lambda: _tls(configuration))
    return Connection(
        host=configuration.host,
        pool=pool,
        authorization=lambda: _authorization(configuration),
        tls=lambda: _tls(configuration),
        server_hostname=configuration.tls_server_name or "",
        proxy=_proxy(configuration, pool),
    )


def _give_contexts(pool: PoolManager, tls: Callable[[], ssl.SSLContext]) -> None:
    """A TLS context for each connection. urllib3 loads certificates into the one it is given
    whenever it connects; where other threads are using that one, OpenSSL crashes."""
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPSConnectionPool

    class Connection(HTTPSConnection):
        def connect(self) -> None:
            self.ssl_context = tls()
            super().connect()

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    pool.pool_classes_by_scheme = {**pool.pool_classes_by_scheme, "https": Pool}


def _authorization(configuration: Configuration) -> Mapping[str, str]:
    """Also renews what has run out, where the kubeconfig says when it does."""
    settings: dict[str, dict[str, Any]] = configuration.auth_settings()  # type: ignore[assignment]
    return {
        str(each["key"]): str(each["value"])
        for each in settings.values()
        if each.get("in") == "header" and each.get("value")
    }


def _proxy(configuration: Configuration, pool: object) -> str:
    """The proxy's URL if the pool goes through one: `no_proxy` has been considered there."""
    return str(configuration.proxy or "") if getattr(pool, "proxy", None) else ""


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert or None)
    # Since 3.13 Python refuses CAs without key usage or key identifiers, as older kubeadm and some
    # clouds made them; kubectl takes them.
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file or None)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Whatever the package raises, as one sentence without contents of the file."""
    import yaml

    try:
        yield
    except AccessError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise AccessError(f"Cannot use {what}: it is not YAML{where}.") from None
    except Exception as error:  # noqa: BLE001 - what it may raise is not documented
        # The package's messages repeat whole entries of the file, tokens included.
        raise AccessError(f"Cannot use {what}: {_line(str(error))}.") from None


def _line(text: str) -> str:
    """The beginning of a message, up to where it repeats the file's entries."""
    shown = re.split(r"[/:]?\s*[{\[]", " ".join(text.split()), maxsplit=1)[0]
    return (shown or "it cannot be read")[:_SHOWN].rstrip(".")


@contextmanager
def _plugin_complaints() -> Iterator[list[str]]:
    """What the package logs as errors meanwhile, instead of printing it."""
    collected: list[str] = []
    handler = _Collector(collected.append)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield collected
    finally:
        root.removeHandler(handler)


class _Collector(logging.Handler):
    def __init__(self, keep: Callable[[str], Any]) -> None:
        super().__init__(logging.ERROR)
        self._keep = keep

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message."""
        self._keep(record.getMessage())
