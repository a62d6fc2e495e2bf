"""Knobs: the free names of a candidate, where their values may lie, and which to try next."""
