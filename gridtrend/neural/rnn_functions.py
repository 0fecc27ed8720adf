"""Recurrent networks on plain arrays: h[t] = f(U x[t] + W h[t-1] + b), o[t] = V h[t] + c.

The same U, W and V serve every step. W is square because it leads from the hidden state to the hidden state.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gridtrend.neural.flat_parameters import activation_code
from gridtrend.neural.option_checks import check_pair, check_whole
from gridtrend.neural.rnn_network import (
    AXES,
    RecurrentNetwork,
    RNNParameters,
    check_given,
    check_samples,
    check_targets,
    check_truncate,
)
from gridtrend.neural.shapes import Array, check_finite, check_not_empty, check_shapes
from gridtrend.neural.training import History, Options, minimise


class RNNGradients(NamedTuple):
    """Derivatives of the loss, each in the shape of what it belongs to; `h0` (hidden,) where none was given."""

    U: Array
    W: Array
    V: Array
    b: Array
    c: Array
    h0: Array


def rnn_forward(
    x: npt.ArrayLike,
    U: npt.ArrayLike,
    W: npt.ArrayLike,
    V: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    c: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    activation: str = "tanh",
) -> tuple[Array, Array]:
    """Hidden states and outputs of a recurrent network at every step.

    Parameters
    ----------
    x : array_like, shape (batch, time, features) or (time, features)
        One sequence or several. A single feature is an axis of size 1.
    U : array_like, shape (hidden, features)
        From the input to the hidden state: one column a feature, the same at every step.
    W : array_like, shape (hidden, hidden)
        From the hidden state to the next one.
    V : array_like, shape (outputs, hidden)
        From the hidden state to the output.
    b, c : array_like, shapes (hidden,) and (outputs,), optional
        Added before the activation, and to the output. Zero by default.
    h0 : array_like, shape (hidden,) or (batch, hidden), optional
        State before the first step. Zero by default.
    activation : {"tanh", "relu", "sigmoid", "identity"}
        Of the hidden state. The output has none.

    Returns
    -------
    states : ndarray, shape (batch, time, hidden) or (time, hidden)
    outputs : ndarray, shape (batch, time, outputs) or (time, outputs)

    Raises
    ------
    TypeError
        If an array is not of real numbers.
    ValueError
        If shapes do not fit: all of them are named, and the one that is wrong.

    Notes
    -----
    O(batch time hidden (hidden + features + outputs)).

    References
    ----------
    Elman, J. L. (1990). Cognitive Science 14, 179-211. doi:10.1207/s15516709cog1402_1

    Examples
    --------
    >>> import numpy as np
    >>> from gridtrend import neural
    >>> x = np.array([[1.0], [0.0], [0.0]])
    >>> states, outputs = neural.rnn_forward(x, [[1.0]], [[0.5]], [[2.0]], activation="identity")
    >>> outputs.ravel()
    array([2. , 1. , 0.5])
    """
    network, sequences, start, single = check_given(x, U, W, V, b, c, h0, activation)
    states = network.run(sequences, start)[1:].transpose(1, 0, 2)
    with np.errstate(over="ignore", invalid="ignore"):
        outputs = states @ network.V.T + network.c
    return (states[0], outputs[0]) if single else (states, outputs)


def rnn_gradients(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    U: npt.ArrayLike,
    W: npt.ArrayLike,
    V: npt.ArrayLike,
    b: npt.ArrayLike | None = None,
    c: npt.ArrayLike | None = None,
    h0: npt.ArrayLike | None = None,
    *,
    activation: str = "tanh",
    truncate: int | None = None,
) -> tuple[float, RNNGradients]:
    """Loss of a recurrent network and its derivatives, by backpropagation through time.

    Parameters
    ----------
    x, U, W, V, b, c, h0, activation
        As for `rnn_forward`.
    y : array_like, shape (batch, outputs) or (batch, time, outputs)
        What the output should be at the last step, or at every step. Without the axis of batches if `x` has none.
    truncate : int, optional
        Cut the sequence into pieces of this many steps, counted from its end. States run on from piece to piece and
        derivatives do not. With a target at the last step alone, derivatives reach back this many steps. None is the
        full gradient.

    Returns
    -------
    loss : float
        Half the squared error summed over outputs, mean over batch (and steps).
    gradients : RNNGradients
        Named tuple of U, W, V, b, c, h0.

    Raises
    ------
    TypeError
        If an array is not of real numbers.
    ValueError
        If shapes do not fit, an array is empty, values are missing, or `truncate` is less than 1.

    Notes
    -----
    Three matrix products a step, O(batch time hidden**2); memory for two states a step.

    References
    ----------
    Werbos, P. J. (1990). Proc. IEEE 78, 1550-1560. doi:10.1109/5.58337

    Williams, R. J. and Peng, J. (1990). Neural Computation 2, 490-501. doi:10.1162/neco.1990.2.4.490

    Examples
    --------
    >>> from gridtrend import neural
    >>> loss, gradients = neural.rnn_gradients([[3.0]], [1.0], [[1.0]], [[0.0]], [[1.0]], activation="identity")
    >>> loss, gradients.U.item()
    (2.0, 6.0)
    """
    network, sequences, start, single = check_given(x, U, W, V, b, c, h0, activation)
    targets = check_targets(y, sequences, len(network.V), single)
    check_not_empty(x=sequences, y=targets, U=network.U, V=network.V)
    check_finite(x=sequences, y=targets)
    network.truncate = check_truncate(truncate)
    loss = network(sequences, targets, start)
    h0_gradient = network.h0_gradient(sequences.shape[1])
    if start is None or start.ndim == 1:
        # One state for all sequences.
        h0_gradient = h0_gradient.sum(axis=0)
    return loss, RNNGradients(**dict(zip(RNNParameters._fields, network.gradients, strict=True)), h0=h0_gradient)


def fit_rnn(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    hidden: int = 32,
    activation: str = "tanh",
    truncate: int | None = None,
    start: RNNParameters | None = None,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    epochs: int = 200,
    batch: int | None = 10,
    optimizer: str = "adam",
    learning_rate: float = 3e-3,
    momentum: float = 0.9,
    decay: float = 0.01,
    clip: float | None = 1.0,
    patience: int | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> tuple[RNNParameters, History]:
    """Train a recurrent network.

    Parameters
    ----------
    x : array_like, shape (samples, time, features)
        Sequences, such as those of `windows`. They are used as they are: see `Scaler`, or `RNN`, which scales.
    y : array_like, shape (samples, outputs) or (samples, time, outputs)
        What the output should be at the last step, or at every step.
    hidden : int
        Size of the hidden state.
    activation : {"tanh", "relu", "sigmoid", "identity"}
    truncate : int, optional
        As for `rnn_gradients`.
    start : RNNParameters, optional
        Parameters to start from. By default weights are uniform within 1 / sqrt(hidden) and b and c are zero.
    validation : (x, y), optional
        Samples that are not trained on. The parameters of the epoch that does best on them are returned.
    epochs : int
        Passes over the samples.
    batch : int, optional
        Samples in each step, in a new random order for each epoch. None takes all at once.
    optimizer : {"adam", "sgd", "lbfgs"}
    learning_rate, momentum, decay : float
        Length of steps, momentum of "sgd", and the share of the learning rate that is left at the end.
    clip : float, optional
        Gradients longer than this are shortened to it. None (which "lbfgs" needs) leaves them.
    patience : int, optional
        Stop after so many epochs without a lower validation loss.
    seed : int
        Of the start and of the order of samples: the same seed gives the same network to the bit.
    progress : bool, optional
        Show a line on stderr. By default where that is a terminal and training takes more than 2 s.

    Returns
    -------
    parameters : RNNParameters
    history : History
        Losses of each epoch, and which epoch was kept.

    Raises
    ------
    TypeError
        If an array is not of real numbers.
    ValueError
        If shapes do not fit, values are missing, or an option is not known.
    FloatingPointError
        If the loss grows without bounds.

    Notes
    -----
    As `rnn_gradients`, for each batch of each epoch.

    References
    ----------
    Kingma, D. P. and Ba, J. (2015). Adam. doi:10.48550/arXiv.1412.6980

    Pascanu, R., Mikolov, T. and Bengio, Y. (2013). On the difficulty of training recurrent neural networks.
    doi:10.48550/arXiv.1211.5063

    Examples
    --------
    >>> import numpy as np
    >>> from gridtrend import neural
    >>> x, y = neural.windows(np.sin(np.arange(60.0)), length=5)
    >>> parameters, history = neural.fit_rnn(x, y, hidden=4, epochs=20)
    >>> parameters.W.shape, history.loss[-1] < history.loss[0]
    ((4, 4), True)
    """
    options = Options(epochs, batch, optimizer, learning_rate, momentum, decay, clip, patience, seed, progress)
    sequences, targets = check_samples(x, y)
    held_out = None if validation is None else check_samples(*check_pair("validation", validation, "x, y"))
    sizes = (check_whole("hidden", hidden), sequences.shape[2], targets.shape[-1])
    if sizes[0] < 1:
        raise ValueError(f"hidden={hidden!r} is not a size; give a whole number from 1 on.")
    network = RecurrentNetwork(*sizes, activation_code(activation))
    network.truncate = check_truncate(truncate)
    if start is None:
        network.draw(options.seed)
    else:
        if not isinstance(start, RNNParameters):
            raise TypeError(f"start is {type(start).__name__}; the RNNParameters of another training are expected.")
        wanted = {"x": sequences, "hidden": network.b, **start._asdict()}
        check_shapes(AXES | {"hidden": "hidden"}, wanted)
        network.take(start)
    history = minimise(network, sequences, targets, options, held_out)
    return RNNParameters(*(array.copy() for array in network.arrays)), history
