"""Whole questions on whole clusters: recorded real ones, the lab's, and broken files."""
