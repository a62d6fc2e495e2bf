"""Train populations: all runs of a study in a few compiled programs, in a process of their own.

`client` sends a `task` to the `worker` process, which builds a `population` in the layout that `planner`
chooses. Each run is a `member`, of a Keras model (`keras`) or of a PyTorch model (`torch`): it starts from a
seed, updates on `batches` in its seed's `batch_order`, and is judged by `scoring`. All else is common:
`batching` runs the members of a block side by side, and `windows` makes products of convolutions.
"""
