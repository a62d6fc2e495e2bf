"""Models: what a user may pass, how it is sent to the training process, and how it is built there.

`text_models` builds `mlp(34)` and other models given as text; `model_transport` turns any model into plain
data; in the training process, `keras_models` compiles it for the data, with an optimizer of `optimizers`.
"""
