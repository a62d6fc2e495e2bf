"""The range test: what a rising learning rate does to the loss of a model that is too large for a map.

`sweeps` makes the updates, `curve` smooths their losses, `suggestions` reads rates off the curve, `status`
says whether there is anything to read, and `answer` is the document. `torch`, `keras` and `optax` make the
step of a framework; nothing else here knows any of them.
"""
