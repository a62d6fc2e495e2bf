"""What a learning rate does to a model: a map of rates, from those that are too small to those that diverge.

`rounds` decides which runs come next, `curve_words` finds the word for a rate from its curves, and `summary`
builds the answer, whose type is in `answer`.
"""
