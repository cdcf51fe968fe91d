"""Alibaba Cloud (Aliyun): what its VPC does to packets between nodes and with the outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skoop.infra.aliyun.settings import OPTIONS
from skoop.infra.capability import Capability
from skoop.infra.console import CloudCall, CloudCommand, Console
from skoop.infra.options import OneOf, Option, Settings
from skoop.infra.permission import Permission
from skoop.provider.base import API_VERSION, Manifests

if TYPE_CHECKING:
    from skoop.network.base import Context, Network


class AliyunProvider:
    """Checks security groups, routes, network ACLs, NAT, EIPs and load balancers."""

    api_version = API_VERSION
    name = "aliyun"
    describes = (
        "Alibaba Cloud: routes, security groups, network ACLs, NAT, EIPs and load balancers of the "
        "VPC under the cluster."
    )
    options: tuple[Option, ...] = OPTIONS
    one_of: tuple[OneOf, ...] = ()
    capabilities: tuple[Capability, ...] = tuple(Capability)
    platforms: tuple[str, ...] = ("AlibabaCloud",)

    @property
    def permissions(self) -> tuple[Permission, ...]:
        """See `Provider.permissions`."""
        from skoop.infra.aliyun.policy import permissions

        return permissions()

    @property
    def commands(self) -> tuple[CloudCommand, ...]:
        """See `Provider.commands`."""
        from skoop.infra.aliyun.commands import COMMANDS

        return COMMANDS

    def claims(self, provider_id: str) -> bool:
        """`alicloud://REGION.INSTANCE`, or the older form without the scheme."""
        from skoop.infra.aliyun.names import instance_name

        return instance_name(provider_id) is not None

    def manifests(self) -> Manifests:
        """The common ones do."""
        return Manifests()

    def policy(self) -> str:
        """See `Provider.policy`."""
        from skoop.infra.aliyun.policy import policy

        return policy()

    def verify(self, settings: Settings) -> tuple[str, ...]:
        """See `Provider.verify`: DescribeRegions and GetCallerIdentity."""
        from skoop.infra.aliyun.identity import problems
        from skoop.infra.aliyun.settings import make_client

        return problems(make_client(settings, None), settings.get("region", ""))

    def console(self, settings: Settings, call: CloudCall) -> Console:
        """See `Provider.console`."""
        from skoop.infra.aliyun.client.endpoints import HOME
        from skoop.infra.aliyun.console import AliyunConsole
        from skoop.infra.aliyun.record import Memory
        from skoop.infra.aliyun.settings import make_client

        region = call.region or settings.get("region", "") or HOME
        return AliyunConsole(Memory(make_client(settings, call.debug)), region)

    def create_network(self, context: Context) -> Network:
        """See `Provider.create_network`."""
        from skoop.network.aliyun import aliyun_network

        return aliyun_network(context)
