"""PyTorch models in the engine: exported once as plain data, then trained by JAX without PyTorch.

`export` turns a user's `nn.Module` and its loss into a `graph`; it is the only file besides `initial_weights`
that imports PyTorch. `interpreter` runs a graph as a pure function, with the operations of `operations`.
`optimizers` are PyTorch's own, written as PyTorch writes them.
"""
