"""How the best rate moves along something, such as the batch size: which problems to map, and the law."""
