"""Providers: what --provider names."""
