"""What is trained: data, the split into parts, the model, and the named problems that come along."""
