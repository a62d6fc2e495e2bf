"""Train populations: all runs of a study in a few compiled programs, in a process of their own.

`client` sends a `task` to the `worker` process, which builds a `population` in the layout that `planner`
chooses. Each run is a `member`: it starts from `initial_weights`, updates on `batches` in its seed's
`batch_order`, and is judged by `scoring`. `batching` runs the members of a block side by side, and
`windows` makes products of convolutions.
"""
