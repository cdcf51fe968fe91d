"""What Felix, Calico's agent on a node, writes into iptables, ipset and nftables.

Written from Calico's documentation and the shape of its rules on hosts: a dispatch chain by
interface, two chains for every workload, one for every policy and direction, and marks that tell
the one from the other: 0x10000 accepted, 0x20000 passed on to the next tier, 0x40000 and 0x80000
for conditions that take several rules.
"""
