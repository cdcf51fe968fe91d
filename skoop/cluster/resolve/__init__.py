"""From what the user typed to what it is in this cluster.

    pod/NS/NAME  NS/NAME  NAME          a pod; the default namespace where none is given
    svc/NS/NAME[:PORT or port name]     a Service
    deploy/NS/NAME  sts/  ds/  job/     any ready pod of it
    node/NAME                           a node
    10.0.0.1  fd00::1  [fd00::1]:80     whatever has that address
    web.shop.svc.cluster.local  web.shop.svc  web.shop  db-0.db.shop.svc   cluster DNS names
    example.com                         an external name
    internet                            some public address

A number after the last ":" is a port for any of them. How the source's own resolver reads a name
(dns:web) is for `network.names`.
"""

from skoop.cluster.resolve.lookup import Lookup, no_lookup, system_lookup
from skoop.cluster.resolve.resolver import Resolver, by_address, resolve
from skoop.cluster.resolve.target import Ends, Target, asked_of_service, meet, only_port

__all__ = [
    "Ends",
    "Lookup",
    "Resolver",
    "Target",
    "asked_of_service",
    "by_address",
    "meet",
    "no_lookup",
    "only_port",
    "resolve",
    "system_lookup",
]
