"""Recorded events cut into the arrays that a simulator reads. No JAX."""
