"""A run, from a configuration to a scored and exported policy: the rooms put together."""
