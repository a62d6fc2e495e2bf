"""Splitting: which rows train and which rows judge, for every seed."""
