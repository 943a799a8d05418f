"""A crypto market maker's whole loop in Python and JAX."""

__version__ = "0.1.0"
