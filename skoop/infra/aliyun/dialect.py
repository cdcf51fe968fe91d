"""Where Aliyun's network decides in its own way.

https://www.alibabacloud.com/help/en/ecs/user-guide/security-group-rules (ports, priorities),
https://www.alibabacloud.com/help/en/vpc/user-guide/route-table-overview (100.64.0.0/10)
"""

from __future__ import annotations

from skoop.infra.aliyun.source import PLATFORM
from skoop.infra.dialect import Closed, Dialect
from skoop.model.address import parse_prefix
from skoop.model.packet import Proto

ALIYUN = Dialect(
    platform=PLATFORM,
    own_ranges=(parse_prefix("100.64.0.0/10"),),
    closed_outbound=(
        Closed(Proto.TCP, 25, "Aliyun closes outbound TCP port 25 unless it is asked to open it"),
    ),
)
