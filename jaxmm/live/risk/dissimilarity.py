"""How unlike its training a policy's observation is: what the network sees, in standard deviations of training."""

from typing import NamedTuple

import numpy as np

from jaxmm.features.observation import OBSERVATION
from jaxmm.policy.network import Network


class Dissimilarity(NamedTuple):
    """The root mean square of the normalised observation: about 1 on the data that the normaliser was fitted to.

    Entries are clipped as the network clips them, so that one that is far off (the time of day, of a policy that was
    trained on an hour) counts as what the network makes of it, and not for all of them.
    """

    mean: np.ndarray  # float32 [D]
    std: np.ndarray  # float32 [D]
    clip: float

    @classmethod
    def of_network(cls, network: Network) -> "Dissimilarity":
        """From the normaliser that travels with the weights."""
        return cls(np.asarray(network.mean), np.asarray(network.std), float(network.clip))

    def of(self, observation: np.ndarray) -> float:
        """Of one observation, float32 [D]; not a number where an entry is none."""
        z = self._normalised(observation)
        return float(np.sqrt(z @ z / len(z)))

    def furthest(self, observation: np.ndarray, count: int = 3) -> tuple[tuple[str, float], ...]:
        """Names and standard deviations of the entries that are furthest off, for a person to read."""
        z = self._normalised(observation)
        return tuple((OBSERVATION[i], float(z[i])) for i in np.argsort(-np.abs(z), kind="stable")[:count])

    def _normalised(self, observation: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):
            return np.clip((observation - self.mean) / self.std, -self.clip, self.clip)
