"""The quoter: market streams → features → policy → desired quotes → risk → order manager → venue. Never imports JAX."""
