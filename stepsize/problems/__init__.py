"""What is trained: data, its split into parts, the model, and the built-in problems."""
