"""The HTTPS server: who may ask, what goes wrong, and what was asked."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from tests.aliyun.double.answers import Params, Refusal, answer
from tests.aliyun.double.cloud import Cloud
from tests.aliyun.double.signatures import version_1, version_3

_READING = ("Describe", "List", "Get", "Assume")
_STS = "2015-04-01"
_SKEW = timedelta(minutes=15)


class Key(Struct, frozen=True):
    """A key the server knows."""

    id: str
    secret: str
    token: str = ""
    enabled: bool = True
    expired: bool = False
    denied: tuple[str, ...] = ()
    """Actions for which RAM grants nothing."""


KEY = Key("LTAI5tDoubleTestKey00001", "doubleSecretOfTheTestKey0000001")


class Asked(Struct, frozen=True):
    """One request that came in, and what became of it."""

    action: str
    version: str
    params: dict[str, str]
    code: str


class Fault(Struct, frozen=True):
    """What to do to the next request for an action ("" for any), after `skip` others: answer so, or
    not at all."""

    action: str = ""
    status: int = 503
    code: str = "ServiceUnavailable"
    message: str = "The request has failed due to a temporary failure of the server."
    body: bytes | None = None
    delay: float = 0.0
    hang_up: bool = False
    skip: int = 0


class Server:
    """A described cloud behind an HTTPS port."""

    def __init__(self, cloud: Cloud, keys: tuple[Key, ...] = (KEY,)) -> None:
        self.cloud = cloud
        self.keys = {key.id: key for key in keys}
        self.asked: list[Asked] = []
        self.documents: list[dict[str, Any]] = []
        """What was answered without an error, in order."""
        self.wrong: list[str] = []
        """Requests that no read-only client may send."""
        self.faults: deque[Fault] = deque()
        self.port = 0
        self.ca = ""
        self.most_at_once = 0
        self._now_running = 0
        self._nonces: set[str] = set()
        self._lock = threading.Lock()

    @property
    def actions(self) -> list[str]:
        """The names of what was asked, in order."""
        return [one.action for one in self.asked]

    @property
    def host(self) -> str:
        return f"localhost:{self.port}"

    # --- one request ---------------------------------------------------------------------------

    def respond(
        self, method: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> tuple[int, bytes] | None:
        """Status and body; None to hang up."""
        params = {**query}
        if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            params |= dict(parse_qsl(body.decode(), keep_blank_values=True))
        action = headers.get("x-acs-action") or params.get("Action", "")
        version = headers.get("x-acs-version") or params.get("Version", "")
        fault = self._fault(action)
        if fault is not None and fault.delay:
            time.sleep(fault.delay)
        if fault is not None and (fault.hang_up or fault.body is not None):
            self._note(action, version, params, "fault")
            return None if fault.hang_up else (fault.status, fault.body or b"")
        try:
            if fault is not None and fault.code:
                raise Refusal(fault.status, fault.code, fault.message)
            key = self._admitted(method, action, version, params, query, headers, body)
            document = self._answer(version, action, params, key)
        except Refusal as refusal:
            self._note(action, version, params, refusal.code)
            error = {
                "RequestId": str(uuid.uuid4()).upper(),
                "Code": refusal.code,
                "Message": refusal.message,
                "HostId": "double",
                "Recommend": "https://api.alibabacloud.com/troubleshoot",
            }
            return refusal.status, _json(error)
        document = {"RequestId": str(uuid.uuid4()).upper(), **document}
        self._note(action, version, params, "")
        self.documents.append(document)
        return 200, _json(document)

    def _fault(self, action: str) -> Fault | None:
        with self._lock:
            for one in self.faults:
                if one.action in ("", action):
                    self.faults.remove(one)
                    if not one.skip:
                        return one
                    self.faults.append(replace(one, skip=one.skip - 1))
                    return None
        return None

    def _note(self, action: str, version: str, params: dict[str, str], code: str) -> None:
        with self._lock:
            self.asked.append(Asked(action, version, params, code))

    def _answer(self, version: str, action: str, params: Params, key: Key | None) -> Any:
        with self._lock:
            self._now_running += 1
            self.most_at_once = max(self.most_at_once, self._now_running)
        try:
            if version == _STS:
                return self._sts(action, params, key)
            return answer(self.cloud, version, action, params)
        finally:
            with self._lock:
                self._now_running -= 1

    def _admitted(
        self,
        method: str,
        action: str,
        version: str,
        params: dict[str, str],
        query: dict[str, str],
        headers: dict[str, str],
        body: bytes,
    ) -> Key | None:
        if not action.startswith(_READING):
            self.wrong.append(f"{action} changes things")
            raise Refusal(403, "Forbidden.RAM", "User not authorized to operate on the resource.")
        if action == "AssumeRoleWithOIDC":
            return None
        if "authorization" in headers:
            key = self._version_3(method, query, headers, body)
        else:
            key = self._version_1(method, params)
        if action in key.denied:
            raise Refusal(
                403,
                "Forbidden.RAM",
                "User not authorized to operate on the specified resource, or this API doesn't "
                "support RAM.",
            )
        return key

    def _version_1(self, method: str, params: dict[str, str]) -> Key:
        for name in ("AccessKeyId", "Signature", "SignatureNonce", "Timestamp", "Version"):
            if not params.get(name):
                raise Refusal(400, f"Missing{name}", f"{name} is mandatory for this action.")
        if params.get("SignatureMethod") != "HMAC-SHA1" or params.get("SignatureVersion") != "1.0":
            raise Refusal(400, "InvalidSignatureMethod", "The signature method is not supported.")
        self._fresh(params["Timestamp"], params["SignatureNonce"])
        key = self._known(params["AccessKeyId"], params.get("SecurityToken", ""))
        if version_1(method, params, key.secret) != params["Signature"]:
            raise Refusal(
                400,
                "SignatureDoesNotMatch",
                "Specified signature is not matched with our calculation. server string to sign "
                f"is:{method}&%2F&AccessKeyId%3D{key.id}%26Action",
            )
        return key

    def _version_3(
        self, method: str, query: dict[str, str], headers: dict[str, str], body: bytes
    ) -> Key:
        scheme, _, rest = headers["authorization"].partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        if scheme != "ACS3-HMAC-SHA256":
            raise Refusal(400, "InvalidSignatureMethod", "The signature method is not supported.")
        self._fresh(headers.get("x-acs-date", ""), headers.get("x-acs-signature-nonce", ""))
        key = self._known(fields["Credential"], headers.get("x-acs-security-token", ""))
        signed = fields["SignedHeaders"].split(";")
        wanted = version_3(method, query, headers, signed, body, key.secret)
        if wanted != fields["Signature"]:
            raise Refusal(400, "SignatureDoesNotMatch", "Specified signature is not matched.")
        return key

    def _fresh(self, timestamp: str, nonce: str) -> None:
        try:
            sent = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise Refusal(400, "IllegalTimestamp", "The timestamp is not valid.") from None
        if abs(datetime.now(UTC) - sent) > _SKEW:
            raise Refusal(400, "IllegalTimestamp", "The input parameter Timestamp is not in range.")
        with self._lock:
            if nonce in self._nonces:
                self.wrong.append(f"nonce {nonce} is used twice")
                raise Refusal(400, "SignatureNonceUsed", "Specified signature nonce was used.")
            self._nonces.add(nonce)

    def _known(self, key_id: str, token: str) -> Key:
        key = self.keys.get(key_id)
        if key is None:
            raise Refusal(
                404, "InvalidAccessKeyId.NotFound", f"Specified access key {key_id} is not found."
            )
        if not key.enabled:
            raise Refusal(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
        if key.token and not token:
            raise Refusal(400, "MissingSecurityToken", "SecurityToken is mandatory.")
        if token != key.token:
            raise Refusal(
                400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."
            )
        if key.expired:
            raise Refusal(
                400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired."
            )
        return key

    # --- STS -----------------------------------------------------------------------------------

    def _sts(self, action: str, params: Params, key: Key | None) -> dict[str, Any]:
        if action == "GetCallerIdentity":
            return {
                "AccountId": self.cloud.account,
                "Arn": f"acs:ram::{self.cloud.account}:user/skoop",
                "IdentityType": "RAMUser",
                "PrincipalId": "200000000000000000",
                "UserId": "200000000000000000",
            }
        if not params.get("RoleArn") or not params.get("RoleSessionName"):
            raise Refusal(400, "MissingParameter", "RoleArn and RoleSessionName are mandatory.")
        if action == "AssumeRoleWithOIDC" and params.get("OIDCToken") != "good-oidc-token":
            raise Refusal(400, "AuthenticationFail.OIDCToken.Invalid", "The OIDCToken is invalid.")
        if not params["RoleArn"].endswith("role/reader"):
            raise Refusal(404, "EntityNotExist.Role", "The role not exists.")
        number = len(self.keys)
        made = Key(f"STS.DoubleTemporary{number}", f"temporarySecret{number}xx", f"token{number}xx")
        self.keys[made.id] = made
        end = datetime.now(UTC) + timedelta(seconds=int(params.get("DurationSeconds", "3600")))
        return {
            "Credentials": {
                "AccessKeyId": made.id,
                "AccessKeySecret": made.secret,
                "SecurityToken": made.token,
                "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
            "AssumedRoleUser": {"Arn": params["RoleArn"], "AssumedRoleId": "3000:skoop"},
        }


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    double: Server

    def log_message(self, *words: object) -> None:
        del words

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def _serve(self, method: str) -> None:
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length") or 0))
        answered = self.double.respond(method, query, headers, body)
        if answered is None:
            self.close_connection = True
            self.connection.close()
            return
        status, content = answered
        self.send_response(status)
        self.send_header("Content-Type", "application/json;charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


class _Https(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is part of the tests."""


@contextlib.contextmanager
def served(server: Server, folder: Path) -> Iterator[Server]:
    """Serve on a free port of the loopback, with a certificate for `localhost` from a CA made here;
    `server.ca` is its file."""
    certificate, server.ca = authority(folder)
    handler = type("Handler", (_Handler,), {"double": server})
    httpd = _Https(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    httpd.socket = context.wrap_socket(
        httpd.socket, server_side=True, do_handshake_on_connect=False
    )
    server.port = httpd.server_address[1]
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(5)


def authority(folder: Path) -> tuple[str, str]:
    """Files of a certificate (with its key) for localhost, and of the CA that signed it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    def builder(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("double CA"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
        )

    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = (
        builder("double CA", ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        builder("localhost", key)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate, authority_file = folder / "server.pem", folder / "ca.pem"
    certificate.write_bytes(leaf.public_bytes(pem) + private)
    authority_file.write_bytes(ca.public_bytes(pem))
    return str(certificate), str(authority_file)
