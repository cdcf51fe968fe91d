"""The commands about Aliyun, as a user types them, against the double over HTTPS."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from msgspec.structs import replace

from skoop.cli.main import main
from skoop.infra.aliyun.client import actions as a
from skoop.infra.aliyun.client.pace import Retries
from skoop.infra.aliyun.commands import COMMANDS
from skoop.infra.aliyun.policy import permissions
from skoop.infra.aliyun.settings import OPTIONS
from skoop.infra.capability import Capability
from skoop.provider.aliyun import AliyunProvider
from skoop.provider.contract import faults
from tests.aliyun.double import Server
from tests.aliyun.double.server import KEY, Fault, Key

Run = Callable[..., SimpleNamespace]


@pytest.fixture
def run(server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """A command line with a good key in the environment, and the double as the only host."""
    for option in OPTIONS:
        monkeypatch.delenv(option.environment, raising=False)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", KEY.id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", KEY.secret)
    monkeypatch.setenv("SKOOP_ALIYUN_ENDPOINTS", f"*={server.host}")
    monkeypatch.setenv("SKOOP_ALIYUN_CA_FILE", server.ca)
    monkeypatch.setattr(Retries, "wait", lambda self, attempt: 0.0)

    def call(*arguments: str) -> SimpleNamespace:
        code = main(arguments)
        captured = capsys.readouterr()
        return SimpleNamespace(code=code, out=captured.out, err=captured.err)

    return call


LISTS = {
    "region-list": ("cn-hangzhou", "ecs.cn-beijing.aliyuncs.com"),
    "zone-list": ("cn-hangzhou-h",),
    "vpc-list": ("vpc-a", "10.0.0.0/8", "192.168.0.0/16"),
    "vswitch-list": ("vsw-1", "10.0.0.0/24", "vtb-vpc-a"),
    "route-table-list": ("vtb-vpc-a", "System"),
    "route-entry-list": ("10.244.1.0/24", "instance i-1", "custom"),
    "security-group-list": ("sg-1", "normal"),
    "network-acl-list": ("nacl-1",),
    "nat-list": ("ngw-1", "47.1.0.1"),
    "snat-list": ("ngw-1", "vsw-1", "47.1.0.1"),
    "dnat-list": ("47.1.0.1 port 8080", "10.0.0.1 port 80"),
    "eip-list": ("eip-47.1.0.1", "ngw-1"),
    "lb-list": ("lb-1", "clb", "alb-1", "alb", "tcp:80"),
    "nlb-list": ("nlb-1", "47.3.0.1"),
    "network-interface-list": ("eni-i-1", "10.0.0.1", "sg-1"),
    "instance-list": ("i-1", "i-2", "Running"),
    "account-list": ("1234567890123456", "True"),
    "test-readonly": ("vpc DescribeVpcs", "ok"),
}


def test_every_command_is_tried_here() -> None:
    assert {each.name for each in COMMANDS} == {*LISTS, "security-group-show"}


@pytest.mark.parametrize("command", LISTS)
def test_a_list_shows_what_there_is(run: Run, server: Server, command: str) -> None:
    done = run("cloud", "aliyun", command)
    assert done.code == 0, done.err
    for word in LISTS[command]:
        assert word in done.out
    assert server.wrong == []


@pytest.mark.parametrize("command", LISTS)
def test_a_list_is_json_when_asked(run: Run, command: str) -> None:
    done = run("cloud", "aliyun", command, "-o", "json")
    assert done.code == 0
    assert json.loads(done.out)


def test_the_rules_of_a_group(run: Run) -> None:
    done = run("cloud", "aliyun", "security-group-show", "sg-1", "-o", "json")
    ingress = next(row for row in json.loads(done.out) if row["direction"] == "ingress")
    assert (ingress["policy"], ingress["ports"]) == ("accept", "port 30000-32767")


def test_a_group_that_is_not_there(run: Run) -> None:
    done = run("cloud", "aliyun", "security-group-show", "sg-none")
    assert (done.code, done.out) == (4, "")
    assert "no security group 'sg-none'" in done.err


def test_an_empty_region_is_no_error(run: Run, server: Server) -> None:
    server.cloud.nlbs.clear()
    done = run("cloud", "aliyun", "nlb-list", "-o", "json")
    assert (done.code, json.loads(done.out)) == (0, [])


def test_another_region(run: Run, server: Server) -> None:
    run("cloud", "aliyun", "vpc-list", "--region", "cn-beijing")
    assert server.asked[-1].params["RegionId"] == "cn-beijing"


def test_an_unknown_region_lists_the_known(run: Run) -> None:
    done = run("cloud", "aliyun", "vpc-list", "--region", "mars-1")
    assert done.code == 2
    assert "there are: ap-southeast-1, cn-beijing, cn-hangzhou" in done.err


def test_debugging_goes_to_stderr_without_secrets(run: Run) -> None:
    done = run("cloud", "aliyun", "vpc-list", "-o", "json", "--debug")
    assert json.loads(done.out)
    assert "vpc DescribeVpcs localhost" in done.err
    assert "HTTP 200" in done.err
    assert KEY.secret not in done.err
    assert KEY.id not in done.err


def test_accounts_of_a_directory(run: Run, server: Server) -> None:
    server.cloud.directory = [
        {"AccountId": "99", "DisplayName": "network", "Status": "CreateSuccess"}
    ]
    rows = json.loads(run("cloud", "aliyun", "account-list", "-o", "json").out)
    assert [(row["id"], row["current"]) for row in rows] == [
        ("1234567890123456", True),
        ("99", False),
    ]


def test_what_may_not_be_read_is_named(run: Run, server: Server) -> None:
    server.keys[KEY.id] = replace(KEY, denied=("DescribeNatGateways",))
    rows = json.loads(run("cloud", "aliyun", "test-readonly", "-o", "json").out)
    refused = {row["action"]: row["answer"] for row in rows if row["answer"] != "ok"}
    assert refused == {"vpc DescribeNatGateways": "grant vpc:DescribeNatGateways"}


# --- keys ---------------------------------------------------------------------------------------

TEMPORARY = Key("STS.planted0000000001", "plantedTempSecret001", "plantedToken000000001")
BAD = {
    "unknown key": ({"ID": "LTAIplantedUnknown01"}, 4, "does not know this access key"),
    "wrong secret": ({"SECRET": "plantedWrongSecret0001"}, 4, "secret is wrong"),
    "half a key": ({"SECRET": ""}, 4, "ACCESS_KEY_SECRET"),
    "no key": ({"ID": "", "SECRET": ""}, 4, "no credentials"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize(
    "command", [("cloud", "aliyun", "vpc-list"), ("provider", "verify", "aliyun")]
)
def test_a_bad_key_is_one_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, case: str, command: tuple[str, ...]
) -> None:
    change, code, says = BAD[case]
    for name, value in change.items():
        monkeypatch.setenv(f"ALIBABA_CLOUD_ACCESS_KEY_{name}", value)
    done = run(*command, *(("--debug",) if command[0] == "cloud" else ()))
    assert done.code in (code, 5)
    assert done.out == ""
    assert done.err.count("skoop:") == 1
    assert says in done.err
    for secret in ("planted", KEY.secret, KEY.id):
        assert secret not in done.err


def test_an_expired_token(run: Run, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.keys[TEMPORARY.id] = replace(TEMPORARY, expired=True)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", TEMPORARY.id)
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", TEMPORARY.secret)
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", TEMPORARY.token)
    done = run("cloud", "aliyun", "vpc-list", "--debug")
    assert done.code == 4
    assert "security token has expired" in done.err
    assert "planted" not in done.err


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(status=503), "cannot answer"),
        (Fault(status=400, code="Throttling.User"), "throttles"),
        (Fault(status=200, body=b"<html>hello</html>"), "not the API's JSON"),
        (Fault(hang_up=True), "the connection broke"),
    ],
    ids=["503", "throttled", "garbage", "reset"],
)
def test_a_cloud_that_does_not_answer(run: Run, server: Server, fault: Fault, says: str) -> None:
    server.faults.extend([fault] * 20)
    done = run("cloud", "aliyun", "vpc-list")
    assert done.code == 4
    assert says in done.err


def test_a_token_of_another_key_is_not_sent_with_a_given_one(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIsomebodyElse")
    monkeypatch.setenv("ALIBABA_CLOUD_SECURITY_TOKEN", "somebodyElsesToken")
    flags = ("--aliyun-access-key-id", KEY.id, "--aliyun-access-key-secret", KEY.secret)
    assert run("cloud", "aliyun", "vpc-list", *flags).code == 0
    assert server.asked[-1].params["AccessKeyId"] == KEY.id


def test_verify_says_that_all_is_well(run: Run, server: Server) -> None:
    done = run("provider", "verify", "aliyun")
    assert done.code == 0
    assert sorted(server.actions) == ["DescribeRegions", "GetCallerIdentity"]


@pytest.mark.parametrize(
    ("flag", "value", "says"),
    [
        ("--aliyun-role-arn", "reader", "not the ARN"),
        ("--aliyun-region", "Mars!", "not the id of a region"),
        ("--aliyun-endpoints", "http://x", "PRODUCT=HOST"),
        ("--aliyun-ca-file", "/nowhere.pem", "no such file"),
    ],
)
def test_a_bad_option_is_a_usage_error(run: Run, flag: str, value: str, says: str) -> None:
    done = run("cloud", "aliyun", "vpc-list", flag, value)
    assert done.code == 2
    assert flag in done.err
    assert says in done.err


def test_options_are_described_without_their_values(run: Run) -> None:
    done = run("provider", "describe", "aliyun", "-o", "json")
    assert KEY.secret not in done.out
    assert KEY.id not in done.out
    (described,) = json.loads(done.out)
    secret = {one["option"] for one in described["options"] if one["secret"]}
    assert "--aliyun-access-key-secret" in secret


# --- what is declared ----------------------------------------------------------------------------


def test_the_policy_grants_exactly_the_list(run: Run) -> None:
    document = json.loads(run("provider", "policy", "aliyun").out)
    (statement,) = document["Statement"]
    granted = set(statement["Action"])
    assert granted == {one.permission for one in a.ALLOWED.values() if one.permission}
    assert {(p.product, p.version, p.action) for p in permissions()} == set(a.ALLOWED)
    assert not [one for one in granted if "*" in one]


def test_the_provider_is_whole() -> None:
    provider = AliyunProvider()
    assert faults(provider) == ()
    assert set(provider.capabilities) == set(Capability)
    assert provider.claims("alicloud://cn-hangzhou.i-bp1")
    assert provider.claims("cn-hangzhou.i-bp1")
    assert not provider.claims("aws:///eu-west-1a/i-0123")
    assert not provider.claims("")
