"""The range test: what a rising learning rate does to the loss of a model that is too large for a map.

`sweeps` makes the updates, `curve` smooths their losses, `suggestions` applies the rules that suggest rates,
`status` decides whether the curve supports an answer, and `answer` is the document. `torch`, `keras` and
`optax` make the step of a framework; nothing else here depends on any of them.
"""
