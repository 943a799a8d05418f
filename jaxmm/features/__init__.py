"""What a quoter knows of the market, written once over numpy and JAX arrays. No JAX import, nothing of ours."""
