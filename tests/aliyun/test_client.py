"""The client against the double: signatures, pages, retries, errors, and that nothing leaks."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from skoop.infra.aliyun.client import actions as a
from skoop.infra.aliyun.client import errors as e
from skoop.infra.aliyun.client.pace import RateLimit, Retries
from skoop.infra.aliyun.client.redact import Redactor
from skoop.infra.aliyun.client.transport import Transport
from tests.aliyun.asking import client, source
from tests.aliyun.double import Server
from tests.aliyun.double.server import KEY, Fault, Key

REGION = "cn-hangzhou"
STRANGER = Key("LTAIunknown0000000001", "strangersSecret0000001")
DISABLED = Key("LTAIoff000000000000001", "disabledSecret00000001", enabled=False)
EXPIRED = Key("STS.old00000000000001", "expiredSecret000000001", "oldtoken01", expired=True)


def test_one_answer_is_signed_fresh_and_accepted(server: Server) -> None:
    who = client(server).ask(a.CALLER_IDENTITY, "", {})
    assert who["AccountId"] == server.cloud.account
    assert server.wrong == []
    assert server.asked[0].params["Version"] == "2015-04-01"


def _many(server: Server, count: int) -> None:
    for number in range(count):
        address = f"10.0.{number // 250 + 1}.{number % 250 + 1}"
        server.cloud.instance(f"i-x{number}", "vsw-1", address, ("sg-1",))
        server.cloud.route("vtb-vpc-a", f"172.20.{number % 256}.{number // 256}/32", instance="i-1")
        server.cloud.snat("ngw-1", "47.1.0.1", cidr=f"10.9.{number % 256}.0/24")


@pytest.mark.parametrize(
    ("action", "asked", "count", "pages"),
    [
        pytest.param(a.INSTANCES, {}, 232, 3, id="token"),
        pytest.param(a.INTERFACES, {}, 232, 1, id="token-500"),
        pytest.param(a.ROUTES, {"RouteTableId": "vtb-vpc-a"}, 236, 1, id="route-token"),
        pytest.param(a.SNATS, {"SnatTableId": "stb-ngw-1"}, 231, 5, id="numbered"),
    ],
)
def test_a_list_is_read_to_its_end(
    server: Server, action: a.Action, asked: dict[str, str], count: int, pages: int
) -> None:
    _many(server, 230)
    answer = client(server).ask(action, REGION, asked)
    outer, inner = action.items
    assert len(answer[outer][inner]) == count
    assert len(server.asked) == pages
    assert not {"NextToken", "PageNumber", "TotalCount"} & set(answer)


def test_an_acl_has_pages_of_its_own_kind(server: Server) -> None:
    server.cloud.clb_acl("acl-2", *(f"10.1.{n}.0/24" for n in range(120)))
    answer = client(server).ask(a.CLB_ACL, REGION, {"AclId": "acl-2"})
    assert len(answer["AclEntrys"]["AclEntry"]) == 120
    assert [one.params["Page"] for one in server.asked] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("fault", "kind", "tries"),
    [
        pytest.param(Fault(status=503), e.Unavailable, 4, id="503"),
        pytest.param(Fault(status=500, code="InternalError"), e.Unavailable, 4, id="500"),
        pytest.param(Fault(status=400, code="Throttling.User"), e.Throttled, 4, id="throttled"),
        pytest.param(Fault(status=400, code="Throttling"), e.Throttled, 4, id="throttled-plain"),
        pytest.param(Fault(status=429, code="Throttling.Api"), e.Throttled, 4, id="throttled-api"),
        pytest.param(Fault(hang_up=True), e.Unavailable, 4, id="reset"),
        pytest.param(Fault(status=502, body=b"<html>bad gateway"), e.Unavailable, 4, id="502-html"),
        pytest.param(Fault(status=200, body=b"<html>login</html>"), e.BadAnswer, 1, id="garbage"),
        pytest.param(Fault(status=200, body=b"[1, 2]"), e.BadAnswer, 1, id="not-an-object"),
        pytest.param(Fault(status=200, body=b""), e.BadAnswer, 1, id="empty"),
        pytest.param(
            Fault(status=200, body=b'{"Code": "OperationDenied", "Message": "no"}'),
            e.Refused,
            1,
            id="200-with-an-error-code",
        ),
        pytest.param(
            Fault(status=200, body=b'{"Code": "Forbidden.RAM", "Message": "no"}'),
            e.Forbidden,
            1,
            id="200-forbidden",
        ),
        pytest.param(
            Fault(status=404, code="InvalidVpcId.NotFound", message="gone"), e.NotFound, 1, id="404"
        ),
        pytest.param(
            Fault(status=404, code="EntityNotExist.Role", message="gone"), e.NotFound, 1, id="role"
        ),
    ],
)
def test_an_error_is_understood(
    server: Server, fault: Fault, kind: type[e.AliyunError], tries: int
) -> None:
    server.faults.extend([fault] * 9)
    with pytest.raises(kind) as caught:
        client(server).ask(a.VPCS, REGION, {})
    assert type(caught.value) is kind
    assert 9 - len(server.faults) == tries
    assert caught.value.exit_code == 4


def test_a_passing_failure_is_survived(server: Server) -> None:
    server.faults.extend([Fault(), Fault(hang_up=True), Fault(status=400, code="Throttling")])
    assert client(server).ask(a.REGIONS, "", {})["Regions"]


def test_a_time_out_is_retried_and_then_told(server: Server) -> None:
    server.faults.extend([Fault(delay=0.4)] * 4)
    with pytest.raises(e.Unavailable, match="no answer in time"):
        client(server, read_timeout=0.1).ask(a.REGIONS, "", {})


@pytest.mark.parametrize(
    ("key", "secret", "kind", "says"),
    [
        pytest.param(STRANGER, "", e.InvalidAccessKey, "does not know", id="key"),
        pytest.param(KEY, "wrongSecret0001", e.SignatureMismatch, "secret is wrong", id="secret"),
        pytest.param(DISABLED, "", e.InvalidAccessKey, "disabled", id="off"),
        pytest.param(EXPIRED, "", e.ExpiredToken, "expired", id="expired"),
    ],
)
def test_a_bad_key_is_one_sentence(
    server: Server, key: Key, secret: str, kind: type[e.AliyunError], says: str
) -> None:
    server.keys |= {one.id: one for one in (DISABLED, EXPIRED)}
    with pytest.raises(kind, match=says) as caught:
        client(server, source(key, secret)).ask(a.REGIONS, "", {})
    assert isinstance(caught.value, kind)
    for hidden in (key.id, secret or key.secret, key.token or "-no-token-"):
        assert hidden not in str(caught.value)
    assert len(server.asked) == 1


def test_the_missing_permission_is_named(server: Server) -> None:
    server.keys[KEY.id] = replace(KEY, denied=("DescribeRouteEntryList",))
    with pytest.raises(e.Forbidden, match="vpc:DescribeRouteEntryList") as caught:
        client(server).ask(a.ROUTES, REGION, {"RouteTableId": "vtb-vpc-a"})
    assert caught.value.permission == "vpc:DescribeRouteEntryList"


def test_a_wrong_clock_is_told(server: Server) -> None:
    server.faults.append(Fault(status=400, code="IllegalTimestamp", message="not in range"))
    with pytest.raises(e.ClockSkew, match="clock"):
        client(server).ask(a.REGIONS, "", {})


WRITES = [
    a.Action("ecs", "2014-05-26", "DeleteInstance"),
    a.Action("ecs", "2014-05-26", "DescribeInstances"),
    a.Action("vpc", "2014-05-26", "DescribeVpcs", ("Vpcs", "Vpc"), a.Paging.NUMBERED, 50),
    replace(a.VPCS, name="CreateVpc"),
    replace(a.VPCS, version="2016-04-29"),
]


@pytest.mark.parametrize("action", WRITES, ids=lambda one: f"{one.product}-{one.name}")
def test_what_is_not_on_the_list_is_not_sent(server: Server, action: a.Action) -> None:
    with pytest.raises(e.NotAllowed, match="does not send"):
        client(server).ask(action, REGION, {})
    assert server.asked == []


def test_a_parameter_cannot_change_the_action(server: Server) -> None:
    client(server).ask(a.REGIONS, "", {"Action": "DeleteInstance", "Version": "1"})
    assert server.actions == ["DescribeRegions"]


def test_the_list_holds_only_reads() -> None:
    reading = re.compile("(Describe|List|Get)[A-Z]|Assume")
    assert all(reading.match(name) for _, _, name in a.ALLOWED)
    with pytest.raises(TypeError):
        a.ALLOWED["ecs", "2014-05-26", "DeleteInstance"] = a.VPCS  # type: ignore[index]


def test_debugging_lines_name_the_call_and_no_secret(server: Server) -> None:
    key = Key("STS.planted0000001", "plantedSecret/With+Signs=", "plantedToken/With+Signs==")
    server.keys[key.id] = key
    server.faults.append(Fault(status=400, code="Throttling", message=f"key {key.id}"))
    lines: list[str] = []
    client(server, source(key), debug=lines.append).ask(a.VPCS, REGION, {"VpcId": "vpc-a"})
    text = "\n".join(lines)
    assert "vpc DescribeVpcs localhost" in text
    assert "VpcId=vpc-a" in text
    assert re.search(r"request [0-9A-F-]{36}", text)
    for secret in (key.id, key.secret, key.token, "Signs"):
        assert secret not in text


def test_an_error_that_quotes_secrets_is_cleaned(server: Server) -> None:
    server.faults.append(Fault(status=400, code="Strange", message=f"{KEY.id} {KEY.secret} is odd"))
    with pytest.raises(e.Refused) as caught:
        client(server).ask(a.REGIONS, "", {})
    assert KEY.id not in str(caught.value)
    assert KEY.secret not in str(caught.value)
    assert "is odd" in str(caught.value)


def test_a_secret_is_found_as_a_url_writes_it() -> None:
    redact = Redactor(("a/b+c=d",))
    assert redact("x a/b+c=d y a%2Fb%2Bc%3Dd z") == "x *** y *** z"


# --- the connection -----------------------------------------------------------------------------


def test_a_certificate_that_is_not_trusted_is_refused(server: Server) -> None:
    with pytest.raises(e.Unavailable, match="certificate is not trusted"):
        Transport().post(server.host, {})
    assert server.asked == []


def test_a_certificate_for_another_name_is_refused(server: Server) -> None:
    with pytest.raises(e.Unavailable, match="certificate"):
        Transport(server.ca).post(f"127.0.0.1:{server.port}", {})


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(e.Unavailable, match="cannot be connected to"):
            Transport(connect_timeout=1).post(host, {})


def test_ca_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(e.AliyunError, match="cannot be read"):
        Transport(str(tmp_path / "none.pem")).post("localhost:1", {})


@pytest.fixture
def proxy() -> object:
    """Answers every CONNECT with 407 and keeps what it was asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    lines: list[str] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                lines.append(connection.recv(4096).decode().split("\r\n")[0])
                connection.sendall(b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1], lines
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(2)


def test_a_proxy_is_used_and_its_password_not_told(
    server: Server, proxy: tuple[int, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, lines = proxy
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:proxypassword@127.0.0.1:{port}")
    with pytest.raises(e.Unavailable, match="the proxy did not connect") as caught:
        client(server).ask(a.REGIONS, "", {})
    assert lines[0].startswith(f"CONNECT {server.host} ")
    assert "proxypassword" not in str(caught.value)


@pytest.mark.parametrize("no_proxy", ["localhost", "*", "other, .localhost", "{host}"])
def test_no_proxy_is_honoured(
    server: Server,
    proxy: tuple[int, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    no_proxy: str,
) -> None:
    port, lines = proxy
    monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", no_proxy.format(host=server.host))
    client(server).ask(a.REGIONS, "", {})
    assert lines == []


# --- pace ---------------------------------------------------------------------------------------


def test_waits_double_up_to_a_limit_and_are_spread() -> None:
    pace = Retries(attempts=9, first=0.5, longest=4.0)
    assert [pace.wait(n, lambda: 1.0) for n in range(6)] == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert pace.wait(1, lambda: 0.0) == 0.5


def test_a_burst_is_free_and_then_there_is_a_rate() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    limit = RateLimit(per_second=10, burst=3, clock=lambda: now[0], sleep=sleep)
    for _ in range(6):
        limit.take()
    assert slept == [0.1, 0.1, 0.1]
