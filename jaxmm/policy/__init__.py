"""The exported policy and what its actions mean: numpy inference, without JAX."""
