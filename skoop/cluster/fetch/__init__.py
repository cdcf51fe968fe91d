"""A running cluster's lists, as the files of a snapshot hold them.

What is asked for is `table.TABLE`, a line each. Nothing that could be a secret is kept (`lean`).
"""

from skoop.cluster.fetch.documents import Lists
from skoop.cluster.fetch.lists import fetch_list, fetch_lists, require
from skoop.cluster.fetch.reading import read_lists, with_ranges, with_settings
from skoop.cluster.fetch.settings import DNS, fetch_settings, needed
from skoop.cluster.fetch.table import NAMED, REFERRED, TABLE, Listed, When, rules

__all__ = [
    "DNS",
    "NAMED",
    "REFERRED",
    "TABLE",
    "Listed",
    "Lists",
    "When",
    "fetch_list",
    "fetch_lists",
    "fetch_settings",
    "needed",
    "read_lists",
    "require",
    "rules",
    "with_ranges",
    "with_settings",
]
