"""The exported policy and what its actions mean: numpy inference, without JAX."""

from jaxmm.policy.actions import ContinuousActions, DiscreteActions
from jaxmm.policy.bundle import Bundle, Observing, Policy, Provenance, write_bundle
from jaxmm.policy.types import Quoter, Quotes, View

__all__ = [
    "Bundle",
    "ContinuousActions",
    "DiscreteActions",
    "Observing",
    "Policy",
    "Provenance",
    "Quoter",
    "Quotes",
    "View",
    "write_bundle",
]
