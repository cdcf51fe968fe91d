"""Aliyun: what its API says about the network under a cluster."""
