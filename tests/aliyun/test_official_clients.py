"""The official clients, pointed at the double: they must be able to ask it, and every answer must
fit their models, field by field and type by type. That is what keeps the double honest.

Their packages (50 MB) are the dependency group `aliyun-sdk`; without them this file is skipped.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import typing
from typing import Any

import pytest

from skoop.infra.aliyun.client import actions as a
from tests.aliyun.double import Server
from tests.aliyun.double.answers import ANSWERS
from tests.aliyun.double.server import KEY

pytest.importorskip("alibabacloud_ecs20140526", reason="the group aliyun-sdk is not installed")
pytest.importorskip("alibabacloud_vpc20160428")

MODULES = {
    "2014-05-26": "alibabacloud_ecs20140526",
    "2016-04-28": "alibabacloud_vpc20160428",
    "2014-05-15": "alibabacloud_slb20140515",
    "2022-04-30": "alibabacloud_nlb20220430",
    "2020-06-16": "alibabacloud_alb20200616",
    "2015-04-01": "alibabacloud_sts20150401",
    "2022-01-01": "alibabacloud_vpcpeer20220101",
    "2022-04-19": "alibabacloud_resourcedirectorymaster20220419",
}
FIELDS: dict[str, dict[str, Any]] = {
    "DescribeSecurityGroupAttribute": {"security_group_id": "sg-1"},
    "DescribePrefixListAttributes": {"prefix_list_id": "pl-1"},
    "DescribeRouteEntryList": {"route_table_id": "vtb-vpc-a"},
    "DescribeNetworkAclAttributes": {"network_acl_id": "nacl-1"},
    "DescribeSnatTableEntries": {"snat_table_id": "stb-ngw-1"},
    "DescribeForwardTableEntries": {"forward_table_id": "ftb-ngw-1"},
    "DescribeLoadBalancerAttribute": {"load_balancer_id": "lb-1"},
    "DescribeVServerGroupAttribute": {"vserver_group_id": "rsp-1"},
    "DescribeMasterSlaveServerGroupAttribute": {"master_slave_server_group_id": "rsp-2"},
    "DescribeHealthStatus": {"load_balancer_id": "lb-1"},
    "DescribeAccessControlListAttribute": {"acl_id": "acl-1"},
    "AssumeRole": {"role_arn": "acs:ram::1:role/reader", "role_session_name": "skoop"},
}
BY_FLAVOUR: dict[tuple[str, str], dict[str, Any]] = {
    ("2022-04-30", "ListServerGroupServers"): {"server_group_id": "sgp-1"},
    ("2022-04-30", "GetListenerHealthStatus"): {"listener_id": "lsn-1"},
    ("2020-06-16", "GetLoadBalancerAttribute"): {"load_balancer_id": "alb-1"},
    ("2020-06-16", "ListServerGroupServers"): {"server_group_id": "sgp-2"},
    ("2020-06-16", "GetListenerHealthStatus"): {"listener_id": "lsn-2"},
}
EVERY = sorted({*ANSWERS, ("2015-04-01", "GetCallerIdentity"), ("2015-04-01", "AssumeRole")})


def ask(server: Server, version: str, action: str) -> Any:
    """The official model of an answer, by the official client of that version."""
    from darabonba.runtime import RuntimeOptions

    package = importlib.import_module(MODULES[version])
    config = importlib.import_module("alibabacloud_tea_openapi.utils_models").Config(
        access_key_id=KEY.id,
        access_key_secret=KEY.secret,
        endpoint=server.host,
        protocol="https",
        region_id="cn-hangzhou",
    )
    client = importlib.import_module(f"{package.__name__}.client").Client(config)
    bare = action.lower() + "withoptions"
    (method,) = (
        value
        for name, value in inspect.getmembers(client, callable)
        if name.replace("_", "") == bare
    )
    runtime = RuntimeOptions(ca=server.ca, read_timeout=5000, connect_timeout=5000)
    if len(inspect.signature(method).parameters) == 1:
        return method(runtime).body
    models = importlib.import_module(f"{package.__name__}.models")
    request = getattr(models, f"{action}Request")()
    fields = FIELDS.get(action, {}) | BY_FLAVOUR.get((version, action), {})
    names = {name.replace("_", ""): name for name in vars(request)}
    if "regionid" in names:
        fields = {**fields, "region_id": "cn-hangzhou"}
    for name, value in fields.items():
        setattr(request, names[name.replace("_", "")], value)
    return method(request, runtime).body


@pytest.mark.parametrize(("version", "action"), EVERY, ids=lambda text: text)
def test_an_answer_fits_the_official_model(server: Server, version: str, action: str) -> None:
    server.cloud.directory = [{"AccountId": "1", "DisplayName": "one", "Status": "CreateSuccess"}]
    server.cloud.sick("nlb-1", 80, "i-1", "Unhealthy")
    server.cloud.sick("alb-1", 80, "i-2", "Unhealthy")
    model = ask(server, version, action)
    assert server.wrong == []
    answered = server.documents[-1]
    assert unknown(answered, model.to_map(), action) == []
    assert ill_typed(model, action) == []


def unknown(answered: Any, understood: Any, path: str) -> list[str]:
    """What the double said and the official model does not know."""
    if isinstance(answered, dict):
        understood = understood if isinstance(understood, dict) else {}
        found = [f"{path}.{key}" for key in answered if key not in understood]
        return found + [
            each
            for key in answered
            if key in understood
            for each in unknown(answered[key], understood[key], f"{path}.{key}")
        ]
    if isinstance(answered, list):
        same = isinstance(understood, list) and len(understood) == len(answered)
        if not same:
            return [f"{path}: {understood!r}"]
        return [
            each
            for one, other in zip(answered, understood, strict=True)
            for each in unknown(one, other, f"{path}[]")
        ]
    return [] if answered == understood else [f"{path}: {answered!r} became {understood!r}"]


def ill_typed(model: Any, path: str) -> list[str]:
    """Values that are not of the types the model declares."""
    module = importlib.import_module(type(model).__module__)
    found: list[str] = []
    for name, parameter in inspect.signature(type(model)).parameters.items():
        value = getattr(model, name)
        if value is None:
            continue
        declared = parameter.annotation
        if isinstance(declared, str):
            declared = eval(declared, {**vars(module), **vars(typing)})
        for one in value if isinstance(value, list) else [value]:
            if hasattr(one, "to_map"):
                found += ill_typed(one, f"{path}.{name}")
            elif not isinstance(one, _plain(declared)) or (
                isinstance(one, bool) and _plain(declared) is not bool
            ):
                found.append(f"{path}.{name}: {one!r} is not {declared}")
    return found


def _plain(declared: Any) -> type:
    (inner,) = typing.get_args(declared) or (declared,)
    return inner


def test_every_action_that_skoop_asks_is_answered_by_the_double() -> None:
    sts = {("2015-04-01", name) for name in ("AssumeRoleWithOIDC",)}
    assert {(version, name) for _, version, name in a.ALLOWED} - set(EVERY) - sts == set()


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

OLD = [
    ("ecs", "20140526", "DescribeInstances", {}),
    ("ecs", "20140526", "DescribeSecurityGroupAttribute", {"SecurityGroupId": "sg-1"}),
    ("ecs", "20140526", "DescribeNetworkInterfaces", {}),
    ("vpc", "20160428", "DescribeVSwitches", {"VpcId": "vpc-a"}),
    ("vpc", "20160428", "DescribeRouteEntryList", {"RouteTableId": "vtb-vpc-a"}),
    ("slb", "20140515", "DescribeLoadBalancers", {}),
    ("slb", "20140515", "DescribeVServerGroupAttribute", {"VServerGroupId": "rsp-1"}),
]


@pytest.mark.parametrize(
    ("product", "version", "action", "fields"), OLD, ids=[f"{o[0]}-{o[2]}" for o in OLD]
)
def test_the_older_official_clients_get_answers(
    server: Server, product: str, version: str, action: str, fields: dict[str, str]
) -> None:
    """These sign as skoop does; the double checks both."""
    pytest.importorskip(f"aliyunsdk{product}")
    from aliyunsdkcore.client import AcsClient

    request_module = importlib.import_module(
        f"aliyunsdk{product}.request.v{version}.{action}Request"
    )
    request = getattr(request_module, f"{action}Request")()
    request.set_protocol_type("https")
    request.set_endpoint(server.host)
    for name, value in fields.items():
        getattr(request, f"set_{name}")(value)
    client = AcsClient(KEY.id, KEY.secret, "cn-hangzhou", verify=server.ca)
    answer = json.loads(client.do_action_with_exception(request))
    assert answer["RequestId"]
    assert server.actions == [action]
    assert server.wrong == []


def test_names_of_official_errors_are_understood(server: Server) -> None:
    from darabonba.exceptions import DaraException

    server.keys.clear()
    with pytest.raises(DaraException, match=re.escape("InvalidAccessKeyId.NotFound")):
        ask(server, "2014-05-26", "DescribeRegions")
