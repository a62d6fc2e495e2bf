"""What a learning rate does to a model: a map of rates, from too small to those that diverge.

`rounds` decides which runs come next, `curve_words` describes what the curves of a rate show, and `summary`
builds the answer, whose type is in `answer`.
"""
