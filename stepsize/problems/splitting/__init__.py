"""Splitting: which rows train and which rows judge, for every seed.

`splits.Split` is the rule; `stratified` keeps the shares of classes, `grouped` keeps groups whole.
"""
