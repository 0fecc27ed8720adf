"""Minimising the loss of a network: mini-batches, SGD with momentum, Adam, L-BFGS, clipping and early stopping."""

import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from gridtrend.grid.checks import check_flag, check_seed, choose
from gridtrend.neural.kernels.layers import adam_step, momentum_step
from gridtrend.neural.option_checks import check_number, check_whole
from gridtrend.neural.shapes import Array

OPTIMIZERS = ("adam", "sgd", "lbfgs")
# Show progress after this many seconds.
PROGRESS_AFTER = 2.0


class Objective(Protocol):
    """A loss to minimise: its parameters and gradient are flat vectors that the arrays of the network are views of."""

    parameters: Array
    gradient: Array

    def __call__(self, x: Array, y: Any) -> float:
        """The loss of these samples; `gradient` is overwritten."""

    def loss(self, x: Array, y: Any) -> float:
        """The loss alone."""


@dataclass(frozen=True)
class Options:
    """How to minimise; the arguments of the fitting functions, checked.

    Parameters
    ----------
    epochs : int
        Passes over the samples (L-BFGS: iterations at most).
    batch : int, optional
        Samples a step; None takes all of them.
    optimizer : {"adam", "sgd", "lbfgs"}
    learning_rate : float
    momentum : float
        Of "sgd".
    decay : float
        The learning rate falls to this share of itself over the epochs, along half a cosine; 1 keeps it.
    clip : float, optional
        Largest norm of a gradient; a longer one is shortened to it.
    patience : int, optional
        Epochs without a lower validation loss after which to stop.
    seed : int
        Of the order of samples.
    progress : bool, optional
        Show a line on stderr. None does where it is a terminal and training is not over soon.
    """

    epochs: int
    batch: int | None = None
    optimizer: str = "adam"
    learning_rate: float = 1e-2
    momentum: float = 0.9
    decay: float = 1.0
    clip: float | None = None
    patience: int | None = None
    seed: int = 0
    progress: bool | None = None

    def __post_init__(self) -> None:
        choose("optimizer", self.optimizer, OPTIMIZERS)
        object.__setattr__(self, "seed", check_seed(self.seed))
        if self.progress is not None:
            check_flag("progress", self.progress)
        for name in ("epochs", "batch", "patience"):
            value = getattr(self, name)
            if value is not None or name == "epochs":
                object.__setattr__(self, name, check_whole(name, value))
                if value < 1:
                    raise ValueError(f"{name}={value!r} is not a count; give a whole number from 1 on.")
        for name in ("learning_rate", "clip", "momentum", "decay"):
            value = getattr(self, name)
            if value is not None or name != "clip":
                check_number(name, value)
        for name in ("learning_rate", "clip"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name}={value!r} is not positive.")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum={self.momentum!r} is not a share; give a number from 0 to less than 1.")
        if not 0 < self.decay <= 1:
            raise ValueError(f"decay={self.decay!r} is not a share; give a number above 0 and at most 1.")
        if self.optimizer == "lbfgs" and (self.batch or self.clip or self.patience):
            raise ValueError(
                "L-BFGS takes all samples in each step, as they are, and stops by itself: give batch=None, clip=None, "
                "patience=None."
            )


@dataclass
class History:
    """The losses of a training.

    Attributes
    ----------
    loss : list of float
        Mean loss of each epoch, over its steps.
    validation_loss : list of float
        Loss of the validation samples after each epoch, if there are any.
    best_epoch : int
        The epoch whose parameters are kept: that of the lowest validation loss, or the last.
    """

    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    best_epoch: int = 0


# A loss that overflows is reported by its value, not by NumPy's warning.
@np.errstate(over="ignore", invalid="ignore")
def minimise(
    objective: Objective, x: Array, y: Any, options: Options, validation: tuple[Array, Any] | None = None
) -> History:
    """Change `objective.parameters` until its loss on the samples is small.

    With validation samples, the parameters of the epoch that did best on them are kept.
    """
    if options.patience is not None and validation is None:
        raise ValueError("patience needs samples to watch: give validation=(x, y), samples that are not trained on.")
    if options.optimizer == "lbfgs":
        history = _minimise_lbfgs(objective, x, y, options)
        if validation is not None:
            history.validation_loss.append(objective.loss(*validation))
        return history
    history, kept, lowest = History(), objective.parameters.copy(), math.inf
    take_step = _Stepper(objective, options)
    order = np.random.default_rng(options.seed)
    for epoch in _shown(options.epochs, history, options.progress):
        take_step.rate = options.learning_rate * _cosine(epoch / options.epochs, options.decay)
        history.loss.append(_epoch(objective, x, y, options.batch, order, take_step))
        if not math.isfinite(history.loss[-1]):
            raise FloatingPointError(
                f"the loss is {history.loss[-1]} after {epoch + 1} epochs: the steps are too long. Lower learning_rate "
                f"(it is {options.learning_rate:g}) or limit gradients with clip=1.0."
            )
        history.best_epoch = epoch
        if validation is not None:
            history.validation_loss.append(objective.loss(*validation))
            if history.validation_loss[-1] < lowest:
                lowest = history.validation_loss[-1]
                np.copyto(kept, objective.parameters)
            history.best_epoch = int(np.argmin(history.validation_loss))
            if options.patience is not None and epoch - history.best_epoch >= options.patience:
                break
    if validation is not None:
        np.copyto(objective.parameters, kept)
    return history


def _epoch(
    objective: Objective, x: Array, y: Any, batch: int | None, order: np.random.Generator, take_step: "_Stepper"
) -> float:
    """One pass over the samples, in random order; returns the mean loss."""
    n = len(x)
    if batch is None or batch >= n:
        loss = objective(x, y)
        take_step()
        return loss
    shuffled = order.permutation(n)
    total = 0.0
    for start in range(0, n, batch):
        chosen = shuffled[start : start + batch]
        total += objective(x[chosen], y[chosen]) * len(chosen)
        take_step()
    return total / n


class _Stepper:
    """The steps of one optimizer, with its state."""

    def __init__(self, objective: Objective, options: Options):
        self._parameters, self._gradient = objective.parameters, objective.gradient
        self._options = options
        self._first = np.zeros_like(self._parameters)
        self._second = np.zeros_like(self._parameters)
        self._count = 0
        self.rate = options.learning_rate

    def __call__(self) -> None:
        if self._options.clip is not None:
            norm = float(np.linalg.norm(self._gradient))
            if norm > self._options.clip:
                self._gradient *= self._options.clip / norm
        if self._options.optimizer == "sgd":
            momentum_step(self._parameters, self._gradient, self._first, self.rate, self._options.momentum)
            return
        self._count += 1
        rate = self.rate / (1 - 0.9**self._count)
        correction = 1 / (1 - 0.999**self._count)
        adam_step(self._parameters, self._gradient, self._first, self._second, rate, correction, 1e-8)


def _cosine(done: float, decay: float) -> float:
    """Factor of the learning rate after a share of the epochs."""
    return decay + (1.0 - decay) * 0.5 * (1.0 + math.cos(math.pi * done))


def _minimise_lbfgs(objective: Objective, x: Array, y: Any, options: Options) -> History:
    from scipy.optimize import minimize

    history = History()

    def evaluate(parameters: Array) -> tuple[float, Array]:
        np.copyto(objective.parameters, parameters)
        return objective(x, y), objective.gradient.copy()

    found = minimize(
        evaluate,
        objective.parameters.copy(),
        jac=True,
        method="L-BFGS-B",
        callback=lambda intermediate_result: history.loss.append(float(intermediate_result.fun)),
        options={"maxiter": options.epochs, "maxfun": 20 * options.epochs, "gtol": 1e-10, "ftol": 1e-15},
    )
    np.copyto(objective.parameters, found.x)
    history.best_epoch = max(len(history.loss) - 1, 0)
    return history


def _shown(epochs: int, history: History, progress: bool | None) -> Iterator[int]:
    """Count epochs; show progress on a terminal if the training takes long."""
    start = shown = time.monotonic()
    wanted = sys.stderr.isatty() if progress is None else progress
    wait = PROGRESS_AFTER if progress is None else 0.0
    drawn = False
    try:
        for epoch in range(epochs):
            yield epoch
            now = time.monotonic()
            if wanted and now - start >= wait and (now - shown > 0.2 or epoch == epochs - 1):
                done = (epoch + 1) / epochs
                print(
                    f"\r[{'#' * round(30 * done):<30}] epoch {epoch + 1}/{epochs}, loss {history.loss[-1]:.3g}, "
                    f"{(now - start) * (1 / done - 1):.0f} s left ",
                    end="",
                    file=sys.stderr,
                    flush=True,
                )
                shown, drawn = now, True
    finally:
        if drawn:
            print(file=sys.stderr)
