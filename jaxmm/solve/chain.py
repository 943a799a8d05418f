"""The exact mean and standard deviation of a policy's return, by backward recursion over (step, state).

Where a policy depends on (step, inventory) only, an episode is a Markov chain with rewards, and both moments of its
return follow without Monte Carlo noise. float64 throughout: in float32 the values of large inventories lose all digits.
N steps · S states · O outcomes of a step.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Outcomes(NamedTuple):
    """What one step may do from every state; a mixture over actions is just more outcomes."""

    prob: np.ndarray  # float64 [S, O], sums to 1 over O
    reward: np.ndarray  # float64 [S, O], expected reward given the outcome
    after: np.ndarray  # int [S, O], index of the state reached
    noise: np.ndarray  # float64 [S, O], standard deviation of the reward given the outcome


class Moments(NamedTuple):
    """Of the return still to come, at every step and state."""

    mean: np.ndarray  # float64 [N+1, S]
    variance: np.ndarray  # float64 [N+1, S]

    def score(self, start: int) -> "Score":
        """Of a whole episode that starts in state `start`."""
        return Score(float(self.mean[0, start]), float(np.sqrt(self.variance[0, start])))


class Score(NamedTuple):
    """An episode's return."""

    mean: float
    sd: float


def evaluate(step: Callable[[int], Outcomes], steps: int, terminal: np.ndarray) -> Moments:
    """Moments of the return under what `step(n)` says may happen in step n.

    h_n(s) = Σ p (r + h_{n+1}(s')), and by the law of total variance
    v_n(s) = Σ p ((r + h_{n+1}(s') − h_n(s))² + noise² + v_{n+1}(s')), which takes no difference of large numbers.

    Args:
        step: outcomes of step n.
        steps: N.
        terminal: reward of ending in each state, float64 [S].
    """
    mean = np.empty((steps + 1, len(terminal)))
    variance = np.zeros_like(mean)
    mean[steps] = terminal
    for n in reversed(range(steps)):
        prob, reward, after, noise = step(n)
        gain = reward + mean[n + 1][after]
        mean[n] = np.sum(prob * gain, axis=1)
        around = (gain - mean[n][:, None]) ** 2 + noise**2 + variance[n + 1][after]
        variance[n] = np.sum(prob * around, axis=1)
    return Moments(mean, variance)


def forward(step: Callable[[int], Outcomes], steps: int, start: int, states: int) -> np.ndarray:
    """Probability of each state after `steps` steps from state `start`, float64 [S]."""
    here: np.ndarray = np.zeros(states)
    here[start] = 1.0
    for n in range(steps):
        prob, _, after, _ = step(n)
        here = np.bincount(after.ravel(), (here[:, None] * prob).ravel(), minlength=states)
    return here


def mixture(parts: list[tuple[float, Outcomes]]) -> Outcomes:
    """Outcomes of a policy that takes each part with its probability."""
    outcomes = [part._replace(prob=weight * part.prob) for weight, part in parts]
    return Outcomes(*(np.concatenate(columns, axis=1) for columns in zip(*outcomes, strict=True)))
