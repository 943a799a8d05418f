"""Exact answers, in float64 on the host, of the models in `jaxmm.markets.models`."""
