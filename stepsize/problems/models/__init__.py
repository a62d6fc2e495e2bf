"""Models: from text, a factory or a compiled Keras model to a model that fits the data."""
