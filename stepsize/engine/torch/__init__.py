"""PyTorch models in the engine: plain data from `problems.torch`, trained by JAX without PyTorch.

`member` is one run of a model. `interpreter` runs its graph as a pure function, with the operations of
`operations`. `optimizers` has PyTorch's optimizers, with PyTorch's own order of operations.
"""
