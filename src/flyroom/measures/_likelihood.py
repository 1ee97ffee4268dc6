"""The likelihood of a curve through times, some of them censored: its height, slope and width."""

import dataclasses
from collections.abc import Callable

import numpy as np
import scipy.optimize
import scipy.special

Array = np.ndarray
# The logarithm of the median time, from `x`, parameters, and the least `x` where runs got there.
Curve = Callable[[Array, Array, float], Array]

_SCATTER = np.log([1e-6, 1e6])  # of ln t; the least is that of times on the law exactly
_ROUNDS, _GAIN = 200, 1e-10  # steps of a fit, and the relative gain that is worth one


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """The likelihood of the parameters of a curve and of ln of the scatter around it.

    Attributes:
        curve: the curve.
        x: of every run.
        y: the logarithm of its time.
        there: whether it got there then; if not, it is censored then.
        least: the last argument of the curve.
        bends: the values between which parameters after the second have to stay, in columns.
    """

    curve: Curve
    x: Array
    y: Array
    there: Array
    least: float
    bends: Array

    @property
    def limits(self) -> tuple[Array, Array]:
        low, high = self.bends.min(0, initial=np.inf), self.bends.max(0, initial=-np.inf)
        free = np.full(2, np.inf)
        return np.array([*-free, *low, _SCATTER[0]]), np.array([*free, *high, _SCATTER[1]])

    def __call__(self, theta: Array) -> tuple[float, Array, Array]:
        """The log-likelihood, its slope, and minus its bend without that of the curve (Gauss)."""
        with np.errstate(all="ignore"):
            sigma = np.exp(theta[-1])
            z = (self.y - self.curve(self.x, theta[:-1], self.least)) / sigma
            normal = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
            longer = scipy.special.log_ndtr(-z)
            hazard = np.exp(normal - longer)
            value = np.where(self.there, normal - theta[-1], longer).sum()
            slope = np.where(self.there, z, hazard)
            bend = np.where(self.there, 1.0, hazard * (hazard - z))
            slopes = slopes_of(self.curve, self.x, theta[:-1], self.least)
            outer = np.column_stack([slopes / sigma, z])
            bowl, cross = outer.T @ (bend[:, None] * outer), outer.T @ slope
        bowl[-1] += cross
        bowl[:-1, -1] += cross[:-1]
        cross[-1] -= self.there.sum()
        return float(value), cross, bowl

    def best(self, start: Array, fixed: int | None = None) -> Array:
        """The most likely parameters, all but the fixed one free (Levenberg and Marquardt)."""
        free = [i for i in range(start.size) if i != fixed]
        low, high = self.limits
        theta, damping = start.copy(), 1e-3
        value, slope, bowl = self(theta)
        for _ in range(_ROUNDS):
            part = bowl[np.ix_(free, free)]
            own = np.abs(np.diag(part))
            ridge = np.diag(damping * np.maximum(own, 1e-9 * own.max()))
            trial = theta.copy()
            trial[free] += np.linalg.solve(part + ridge, slope[free])
            trial[free] = np.clip(trial, low, high)[free]
            promise = abs(slope @ (trial - theta))
            found = self(trial)
            if found[0] >= value:  # what is not a number is no better either
                theta, (value, slope, bowl), damping = trial, found, max(damping / 10, 1e-9)
            else:
                damping *= 10
            # By rounding the last step may be for the worse.
            if damping > 1e12 or promise < _GAIN * (1 + abs(value)):
                break
        return theta

    def best_of(self, starts: Array) -> Array:
        """The most likely parameters, whichever of the bends one starts from."""
        held = 2 if self.bends.size else None
        tries = [self.best(start, held) for start in starts]
        return self.best(max(tries, key=lambda theta: self(theta)[0]))


def slopes_of(curve: Curve, x: Array, theta: Array, least: float) -> Array:
    """Derivatives of a curve by its parameters, exact to rounding."""
    small = 1e-30  # steps along the imaginary axis take no difference, and so lose no digits
    with np.errstate(all="ignore"):
        steps = [np.imag(curve(x, theta + 1j * small * e, least)) for e in np.eye(theta.size)]
    return np.stack(steps, axis=1) / small


def profile(problem: Problem, best: Array, number: int, limit: float) -> tuple[float, float]:
    """The values of one parameter that, with the best ones for the others, are likely enough."""
    height, _, bowl = problem(best)
    covariance = np.linalg.pinv(bowl, hermitian=True)[number]
    step = 3 * max(float(np.sqrt(max(covariance[number], 0.0))), 0.01)
    path = covariance / max(covariance[number], 1e-12)  # of the others, were it all normal
    path[number] = 1.0
    limits = [ends[number] for ends in problem.limits]

    def beyond(value: float) -> float:
        plain = best.copy()
        plain[number] = value
        bold = np.clip(best + path * (value - best[number]), *problem.limits)
        start = bold if problem(bold)[0] > problem(plain)[0] else plain
        fall = 2 * (height - problem(problem.best(start, number))[0])
        return float(np.sqrt(max(fall, 0.0)) - np.sqrt(limit))  # nearly straight, and so soon zero

    def end(side: int) -> float:
        near, far = best[number], best[number] + side * step
        for doubling in range(1, 18):
            far = float(np.clip(far, *limits))
            if beyond(far) > 0:
                found = scipy.optimize.root_scalar(
                    beyond, bracket=(near, far), method="brentq", xtol=1e-5 * step, rtol=1e-6
                )
                return float(found.root)
            if far in limits:
                break
            near, far = far, best[number] + side * step * 2**doubling
        return side * np.inf

    return end(-1), end(1)
