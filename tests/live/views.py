"""Views of a small market, as quoters are told."""

import numpy as np

from jaxmm.features.market import FEATURES
from jaxmm.policy.types import View


def view(bid=1000, ask=1004, position=0, features=None):
    none = np.int32(0)
    seen = np.zeros(len(FEATURES), np.float32) if features is None else np.asarray(features, np.float32)
    return View(np.int32(bid), np.int32(ask), np.int32(position), seen, none, none, none, none, np.float32(1))
