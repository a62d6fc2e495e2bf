"""Searches: which rate, and which values of several knobs, a candidate runs at."""
