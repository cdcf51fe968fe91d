"""Clusters of network namespaces on the real kernel, and the differential test against them.

`python -m tests.lab --help` says what can be run. Root and Linux are needed for all but replaying
recorded cases.
"""
