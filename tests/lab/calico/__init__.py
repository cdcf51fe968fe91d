"""The Calico flavour of the lab: its nodes, its objects, its faults."""
