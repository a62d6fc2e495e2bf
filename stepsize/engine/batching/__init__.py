"""Batching: run one member's function for several members at once. See README.md."""
