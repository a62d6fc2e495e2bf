"""PyTorch models of users as plain data, for a training process that does not need PyTorch.

`export` turns an `nn.Module` and its loss into a `graph`, after `model_checks`. `initial_weights` makes the
weights of each seed as the user's own script would, and `optimizer_settings` reads the optimizer.
"""
