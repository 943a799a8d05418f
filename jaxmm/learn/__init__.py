"""The learners, and the outer loop, checkpoints and networks that they share."""
