"""One Linux network namespace as data, and what it does to a packet.

Pure: no I/O, no clock, no Kubernetes. From the ground up:

    state       links, addresses, rules, routes, neighbours, fdb, sysctls, sockets, conntrack
    netfilter   the one interface every rule engine offers: base chains on hooks
    iptables/, nft/, ipset    the rule engines
    dump/       the text of `ip -j`, `bridge -j`, `ss`, `conntrack`, ... -> state
    stack       a namespace compiled for lookups
    walk        a packet through one namespace
"""
