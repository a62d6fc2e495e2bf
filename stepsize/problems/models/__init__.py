"""Models: what a user may pass, how it is sent to the training process, and how it is built there.

`text_models` builds `mlp(34)` and other models given as text; `model_transport` turns any model into plain
data. In the training process, `rebuilt_models` makes a model of it again and `keras_models` compiles it for
the data, with an optimizer of `optimizers`; `kept_weights` finds the weights that no seed draws afresh.
`rebuilt_checks` refuses a model that is another one once it is rebuilt, by what `differences` finds.
"""
