"""The e-commerce data platform that a shop can trust with its numbers."""

__version__ = "0.1.0"
