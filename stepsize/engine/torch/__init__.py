"""PyTorch models in the engine: plain data from `problems.torch`, trained by JAX without PyTorch.

`member` is one run of a model. `interpreter` runs its graph as a pure function, with the operations of
`operations`. `optimizers` are PyTorch's own, written as PyTorch writes them.
"""
