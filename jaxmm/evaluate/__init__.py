"""Backtests, metrics, statistics, plots and reports: what a quoter is worth, and how sure we are of it."""
