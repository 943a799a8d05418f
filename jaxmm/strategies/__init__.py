"""Closed-form and baseline quoters, over numpy or JAX arrays alike, and their calibration."""
