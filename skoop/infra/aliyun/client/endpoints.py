"""Where each product of each region is asked.

The rule is `PRODUCT.REGION.aliyuncs.com`. The exceptions are those of the official clients'
endpoint maps (alibabacloud_ecs20140526 7.11, _vpc20160428 7.2, _slb20140515 3.3, _alb20200616 1.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

_CENTRAL = MappingProxyType(
    {
        "sts": "sts.aliyuncs.com",
        "vpcpeer": "vpcpeer.aliyuncs.com",
        "resourcedirectorymaster": "resourcedirectory.aliyuncs.com",
    }
)
_FINANCE_AND_GOV = (
    "cn-hangzhou-finance",
    "cn-shanghai-finance-1",
    "cn-shenzhen-finance-1",
    "cn-north-2-gov-1",
)
_OLD_SLB = (
    "cn-qingdao",
    "cn-beijing",
    "cn-hangzhou",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-hongkong",
    "ap-southeast-1",
    "us-east-1",
    "us-west-1",
)
_EXCEPTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("ecs", "cn-hangzhou"): "ecs-cn-hangzhou.aliyuncs.com",
        ("ecs", "cn-hangzhou-finance"): "ecs.aliyuncs.com",
        ("ecs", "cn-shanghai-finance-1"): "ecs-cn-hangzhou.aliyuncs.com",
        ("ecs", "cn-shenzhen-finance-1"): "ecs-cn-hangzhou.aliyuncs.com",
        ("ecs", "cn-north-2-gov-1"): "ecs.aliyuncs.com",
        ("vpc", "cn-hangzhou"): "vpc.aliyuncs.com",
        **{("vpc", region): "vpc.aliyuncs.com" for region in _FINANCE_AND_GOV},
        **{("slb", region): "slb.aliyuncs.com" for region in (*_OLD_SLB, *_FINANCE_AND_GOV)},
        ("alb", "cn-hangzhou-finance"): "alb.cn-hangzhou.aliyuncs.com",
    }
)
HOME = "cn-hangzhou"
"""The region whose endpoint lists all regions."""
EVERY_PRODUCT = "*"


class Endpoints(Struct, frozen=True):
    """Hosts by product and region; `overrides` (product, or "*" for every other, to "host" or
    "host:port") are for private endpoints and gateways."""

    overrides: Mapping[str, str] = MappingProxyType({})

    def host(self, product: str, region: str) -> str:
        """The host to ask. `region` is ignored for products that have only one."""
        for name in (product, EVERY_PRODUCT):
            if name in self.overrides:
                return self.overrides[name]
        if product in _CENTRAL:
            return _CENTRAL[product]
        region = region or HOME
        return _EXCEPTIONS.get((product, region), f"{product}.{region}.aliyuncs.com")


DEFAULT_ENDPOINTS = Endpoints()
