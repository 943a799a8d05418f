"""Recordings of exchanges, made into one canonical form of events on disk."""
