"""Avellaneda & Stoikov's simulation as a numpy programmer would make it fast: what our environment is measured against.

float32 throughout, one clock for all trajectories, every array written in place, numpy's fastest generator (SFC64), and
either its own float32 uniforms or the bits of one raw 64-bit draw a step, split as our environment splits its own.
B trajectories side by side, quoting by the closed form, which the loop is given the benefit of knowing.
"""

import math
from typing import NamedTuple

import numpy as np

f32 = np.float32


class Loop(NamedTuple):
    """What is simulated."""

    T: float
    N: int
    sigma: float
    k: float
    A: float
    gamma: float


def simulate(loop: Loop, batch: int, steps: int, seed: int, raw: bool) -> np.ndarray:
    """Profits [B] of all episodes that ended within `steps` steps of each trajectory, summed."""
    generator = np.random.SFC64(seed)
    floats = np.random.Generator(generator)
    inventory, mid, profit, spare = (np.zeros(batch, f32) for _ in range(4))
    depth, chance, fill = np.empty((2, batch), f32), np.empty((2, batch), f32), np.empty((2, batch), bool)
    uniform, heads = np.empty((3, batch), f32), np.empty(batch, bool)
    dt = loop.T / loop.N
    jump, log_rate = f32(loop.sigma * math.sqrt(dt)), f32(math.log(loop.A * dt))
    mid[:] = 100
    for n in range(steps):
        if n % loop.N == 0:
            inventory[:], mid[:] = 0, 100
        risk = loop.gamma * loop.sigma**2 * (loop.T - n % loop.N * dt)
        half = f32(0.5 * risk + math.log1p(loop.gamma / loop.k) / loop.gamma)
        np.multiply(inventory, f32(risk), out=spare)
        np.add(half, spare, out=depth[0])
        np.subtract(half, spare, out=depth[1])
        np.multiply(depth, f32(-loop.k), out=chance)
        np.add(chance, log_rate, out=chance)
        np.exp(chance, out=chance)
        if raw:
            words = generator.random_raw(batch).view(np.uint32).reshape(2, batch)
            np.not_equal(np.bitwise_and(words[0], 1), 0, out=heads)
            np.right_shift(words, 9, out=words)
            np.multiply(words, f32(2**-23), out=uniform[:2], casting="unsafe")
        else:
            floats.random(out=uniform, dtype=f32)
            np.less(uniform[2], f32(0.5), out=heads)
        np.less(uniform[:2], chance, out=fill)
        np.multiply(depth, fill, out=depth)
        np.add(inventory, fill[0], out=inventory)
        np.subtract(inventory, fill[1], out=inventory)
        np.multiply(heads, f32(2 * jump), out=spare)
        np.subtract(spare, jump, out=spare)
        np.add(mid, spare, out=mid)
        np.multiply(inventory, spare, out=spare)
        np.add(spare, depth[0], out=spare)
        np.add(spare, depth[1], out=spare)
        np.add(profit, spare, out=profit)
    return profit
