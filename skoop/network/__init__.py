"""Networks: what answers questions about one cluster, and how it is wired."""
