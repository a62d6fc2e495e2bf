"""Splitting: which rows train and which rows validate, for every seed."""
