"""A double of Aliyun's API: a described cloud, answered over HTTPS the way the real one answers."""

from tests.aliyun.double.cloud import Cloud
from tests.aliyun.double.server import Server, served

__all__ = ["Cloud", "Server", "served"]
