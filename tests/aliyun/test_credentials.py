"""Where keys come from, which one wins, and what half a key says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from skoop.infra.aliyun.client import actions as a
from skoop.infra.aliyun.client import errors as e
from skoop.infra.aliyun.client.client import Client
from skoop.infra.aliyun.credentials.base import Credentials, CredentialSource, Fixed
from skoop.infra.aliyun.credentials.login import Login, source_of
from skoop.infra.aliyun.credentials.metadata import EcsRole, Metadata
from skoop.infra.aliyun.credentials.roles import AssumedRole
from skoop.infra.aliyun.identity import identity, known_region, problems
from tests.aliyun.asking import client, source
from tests.aliyun.double import Server
from tests.aliyun.double.server import KEY, Key

ROLE = "acs:ram::1234567890123456:role/reader"
KEYS = {"access_key_id": KEY.id, "access_key_secret": KEY.secret}


def who(server: Server, login: Login, metadata: Metadata | None = None) -> tuple[Client, str]:
    def client_for(base: CredentialSource) -> Client:
        return client(server, base)

    found = source_of(login, client_for, metadata or Metadata("127.0.0.1:9"))
    return client(server, found), found.described


def key_used(server: Server) -> str:
    return server.asked[-1].params["AccessKeyId"]


def write(tmp_path: Path, *profiles: dict[str, str], current: str = "default") -> Path:
    file = tmp_path / ".aliyun" / "config.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"current": current, "profiles": profiles}))
    return file


def test_a_given_key(server: Server) -> None:
    asking, described = who(server, Login(key_id=KEY.id, secret=KEY.secret))
    assert identity(asking).account == server.cloud.account
    assert described == "the given access key"


def test_a_given_key_goes_before_the_environment_and_the_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ALIYUN_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_ID"):
        monkeypatch.setenv(name, "LTAIsomebodyElse")
        monkeypatch.setenv(name.replace("_ID", "_SECRET"), "x" * 30)
    write(tmp_path, {"name": "default", "mode": "AK", **KEYS, "access_key_id": "LTAIother"})
    identity(who(server, Login(key_id=KEY.id, secret=KEY.secret))[0])
    assert key_used(server) == KEY.id


@pytest.mark.parametrize(
    ("login", "says"),
    [
        pytest.param(Login(key_id="LTAI1"), "ACCESS_KEY_SECRET", id="no-secret"),
        pytest.param(Login(secret="s"), "ACCESS_KEY_ID", id="no-id"),
        pytest.param(Login(token="t"), "ACCESS_KEY_ID", id="only-a-token"),
        pytest.param(Login(oidc_provider_arn="p", role_arn=ROLE), "TOKEN_FILE", id="no-oidc-file"),
        pytest.param(Login(oidc_token_file="f", role_arn=ROLE), "PROVIDER_ARN", id="no-provider"),
        pytest.param(Login(oidc_provider_arn="p", oidc_token_file="f"), "ROLE_ARN", id="no-role"),
        pytest.param(Login(), "There are no credentials", id="nothing"),
        pytest.param(Login(profile="x"), "is not there", id="profile-without-file"),
        pytest.param(Login(config_file="/nowhere/c.json"), "is not there", id="no-file"),
    ],
)
def test_half_a_login_says_what_is_missing(server: Server, login: Login, says: str) -> None:
    with pytest.raises(e.NoCredentials, match=says):
        who(server, login)


def test_the_current_profile_of_the_cli(server: Server, tmp_path: Path) -> None:
    write(tmp_path, {"name": "x", "mode": "AK"}, {"name": "y", "mode": "AK", **KEYS}, current="y")
    asking, described = who(server, Login())
    identity(asking)
    assert key_used(server) == KEY.id
    assert described.startswith("profile 'y' of")


def test_an_sts_profile(server: Server, tmp_path: Path) -> None:
    key = Key("STS.profile0001", "profileSecret0001", "profileToken0001")
    server.keys[key.id] = key
    write(
        tmp_path,
        {
            "name": "default",
            "mode": "StsToken",
            "access_key_id": key.id,
            "access_key_secret": key.secret,
            "sts_token": key.token,
        },
    )
    assert identity(who(server, Login())[0]).account


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        pytest.param({"mode": "AK"}, "no access_key_id", id="AK"),
        pytest.param({"mode": "StsToken", **KEYS}, "no sts_token", id="StsToken"),
        pytest.param({"mode": "RamRoleArn", **KEYS}, "no ram_role_arn", id="RamRoleArn"),
        pytest.param({"mode": "OIDC"}, "no ram_role_arn", id="OIDC"),
        pytest.param({"mode": "CloudSSO"}, "not one skoop can use", id="other-mode"),
    ],
)
def test_a_broken_profile_is_not_skipped(
    server: Server, tmp_path: Path, profile: dict[str, str], says: str
) -> None:
    write(tmp_path, {"name": "default", **profile})
    with pytest.raises(e.NoCredentials, match=says):
        who(server, Login())


def test_an_unknown_profile_lists_the_known(server: Server, tmp_path: Path) -> None:
    write(tmp_path, {"name": "a", "mode": "AK", **KEYS}, {"name": "b", "mode": "AK", **KEYS})
    with pytest.raises(e.NoCredentials, match="there are: a, b"):
        who(server, Login(profile="c"))


def test_a_file_that_is_not_json_is_not_quoted(server: Server, tmp_path: Path) -> None:
    write(tmp_path).write_text("access_key_secret = plantedInFile")
    with pytest.raises(e.NoCredentials) as caught:
        who(server, Login())
    assert "plantedInFile" not in str(caught.value)


def test_a_role_is_assumed_once_and_used(server: Server) -> None:
    asking, described = who(server, Login(key_id=KEY.id, secret=KEY.secret, role_arn=ROLE))
    for _ in range(3):
        identity(asking)
    assert server.actions == ["AssumeRole"] + ["GetCallerIdentity"] * 3
    assert key_used(server).startswith("STS.DoubleTemporary")
    assert described == f"the role {ROLE}, assumed with the given access key"


def test_a_role_profile(server: Server, tmp_path: Path) -> None:
    write(tmp_path, {"name": "default", "mode": "RamRoleArn", **KEYS, "ram_role_arn": ROLE})
    identity(who(server, Login())[0])
    assert server.actions == ["AssumeRole", "GetCallerIdentity"]


def test_a_role_that_is_not_there(server: Server) -> None:
    login = Login(key_id=KEY.id, secret=KEY.secret, role_arn="acs:ram::1:role/gone")
    with pytest.raises(e.NotFound):
        identity(who(server, login)[0])


def test_a_role_is_renewed_before_it_ends(server: Server) -> None:
    now = [0.0]
    role = AssumedRole(
        client(server),
        "the test",
        role_arn=ROLE,
        session_name="skoop",
        clock=lambda: now[0],
    )
    first = role.credentials()
    now[0] = first.expires - 301
    assert role.credentials() is first
    now[0] = first.expires - 299
    assert role.credentials() is not first


def oidc(tmp_path: Path, token: str | None = "good-oidc-token") -> Login:
    file = tmp_path / "token"
    if token is not None:
        file.write_text(token + "\n")
    return Login(role_arn=ROLE, oidc_provider_arn="acs:oidc", oidc_token_file=str(file))


def test_oidc_is_not_signed_and_gives_a_key(server: Server, tmp_path: Path) -> None:
    identity(who(server, oidc(tmp_path))[0])
    assert server.actions == ["AssumeRoleWithOIDC", "GetCallerIdentity"]
    assert "Signature" not in server.asked[0].params
    assert "AccessKeyId" not in server.asked[0].params


@pytest.mark.parametrize(
    ("token", "says"),
    [(None, "cannot be read"), ("", "is empty"), ("planted-bad-token", "OIDCToken")],
)
def test_a_bad_oidc_token(server: Server, tmp_path: Path, token: str | None, says: str) -> None:
    with pytest.raises(e.AliyunError, match=says) as caught:
        identity(who(server, oidc(tmp_path, token))[0])
    assert "planted-bad-token" not in str(caught.value)


# --- the instance's own role --------------------------------------------------------------------


class _Metadata(BaseHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        del words

    def do_PUT(self) -> None:
        wanted = self.headers.get("X-aliyun-ecs-metadata-token-ttl-seconds")
        self._send(200 if wanted else 400, "metadata-token")

    def do_GET(self) -> None:
        if self.headers.get("X-aliyun-ecs-metadata-token") != "metadata-token":
            return self._send(403, "no token")
        key = {
            "AccessKeyId": KEY.id,
            "AccessKeySecret": KEY.secret,
            "SecurityToken": "",
            "Expiration": "2126-01-01T00:00:00Z",
            "Code": "Success",
        }
        answers = {"": "node-role", "node-role": json.dumps(key), "odd": "{}"}
        name = self.path.removeprefix("/latest/meta-data/ram/security-credentials/")
        return self._send(200 if name in answers else 404, answers.get(name, ""))

    def _send(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def metadata() -> Iterator[Metadata]:
    httpd = HTTPServer(("127.0.0.1", 0), _Metadata)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield Metadata(f"127.0.0.1:{httpd.server_address[1]}")
    httpd.shutdown()
    httpd.server_close()
    thread.join(2)


@pytest.mark.parametrize("role", ["auto", "node-role"])
def test_the_role_of_an_instance(server: Server, metadata: Metadata, role: str) -> None:
    asking, _ = who(server, Login(ecs_role=role), metadata)
    assert identity(asking).account


def test_an_instance_without_that_role(metadata: Metadata) -> None:
    with pytest.raises(e.NoCredentials, match="no RAM role 'other'"):
        EcsRole(metadata, "other").credentials()


def test_odd_metadata_is_not_a_key(metadata: Metadata) -> None:
    with pytest.raises(e.BadAnswer):
        EcsRole(metadata, "odd").credentials()


def test_not_on_an_instance() -> None:
    with pytest.raises(e.Unavailable, match="does not answer"):
        EcsRole(Metadata("127.0.0.1:9"), "r").credentials()


# --- who, and where ------------------------------------------------------------------------------


def test_verification_asks_two_things(server: Server) -> None:
    assert problems(client(server), "cn-beijing") == ()
    assert sorted(server.actions) == ["DescribeRegions", "GetCallerIdentity"]


def test_an_unknown_region_lists_the_known(server: Server) -> None:
    with pytest.raises(e.UnknownRegion, match="ap-southeast-1, cn-beijing, cn-hangzhou"):
        known_region(client(server), "mars-1")


def test_an_account_is_never_empty(server: Server) -> None:
    server.cloud.account = ""
    with pytest.raises(e.BadAnswer, match="which account"):
        identity(client(server))


def test_nothing_shows_its_secrets() -> None:
    key = Credentials("LTAIplanted", "plantedSecret", "plantedToken")
    login = Login(key_id="LTAIplanted", secret="plantedSecret")
    for text in (repr(key), str(key), f"{key}", repr(login), str(login), repr([key, login])):
        assert "planted" not in text
    assert Fixed(key, "x").credentials() is key
    assert source().described == "the test"
    assert a.CALLER_IDENTITY.permission == ""
