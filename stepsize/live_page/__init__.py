"""The live page: a schedule is dragged, and the verdict of real runs follows.

`session` trains and judges, `handles` are the fields of a schedule that can be dragged, `requests` answers
what the page asks, `server` hosts the page on loopback, `notebook` hosts the same module as a widget.
"""
