"""Environments: observation, action and reward over a tape or a synthetic market."""
