"""A cluster on Aliyun: the shim over its resource tree."""

from __future__ import annotations

from skoop.infra.aliyun.client.errors import AliyunError
from skoop.infra.aliyun.dialect import ALIYUN
from skoop.infra.aliyun.identity import Asker
from skoop.infra.aliyun.names import instance_name
from skoop.infra.aliyun.record import Memory
from skoop.infra.aliyun.settings import make_client
from skoop.infra.aliyun.source import CAPABILITIES, AliyunSource
from skoop.infra.aliyun.unreachable import Refusing
from skoop.model.kube import Node
from skoop.network.base import Context, Network
from skoop.network.cloud import Cloud, cloud_network


def aliyun_network(context: Context) -> Network:
    """See `Provider.create_network`. Without credentials that work the rest is diagnosed all the
    same, and the answer says that the cloud was not looked at."""
    memory = Memory(_asker(context) if context.live else None, context.answers)
    return network_over(context, memory)


def network_over(context: Context, memory: Memory) -> Network:
    """The network of a cluster whose cloud is asked through a memory."""
    source = AliyunSource(memory, context.settings.get("region", ""))
    cloud = Cloud(
        source=source, dialect=ALIYUN, capabilities=CAPABILITIES, instance_of=_instance_of
    )
    return cloud_network(context, cloud)


def _asker(context: Context) -> Asker:
    try:
        return make_client(context.settings, context.debug)
    except AliyunError as error:
        return Refusing(error)


def _instance_of(node: Node) -> str:
    found = instance_name(node.provider_id)
    return found.id if found else ""
