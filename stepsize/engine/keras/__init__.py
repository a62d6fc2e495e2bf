"""Keras models in the engine: built once on JAX, then called through Keras' own stateless functions.

`member` is one run of a model. `driven_settings` turns numbers of its optimizer into inputs of the program
(`numeric_settings` has their names), and `initial_weights` draws its weights for many seeds.
"""
