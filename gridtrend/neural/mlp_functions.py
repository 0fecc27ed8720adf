"""Layered networks (multi-layer perceptrons) on plain arrays: a = f(a W + b) layer by layer, softmax or nothing last."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gridtrend.grid.checks import choose, is_whole
from gridtrend.neural.class_labels import read_labels
from gridtrend.neural.flat_parameters import activation_code
from gridtrend.neural.mlp_network import LOSSES, LayeredNetwork
from gridtrend.neural.option_checks import check_pair, check_whole
from gridtrend.neural.shapes import Array, as_array, as_floats, check_finite, check_shapes
from gridtrend.neural.training import History, Options, minimise


def mlp_forward(
    x: npt.ArrayLike,
    weights: Sequence[npt.ArrayLike],
    biases: Sequence[npt.ArrayLike],
    *,
    activation: str = "tanh",
) -> list[Array]:
    """Activations of every layer of a network.

    Parameters
    ----------
    x : array_like, shape (samples, features)
    weights : sequence of array_like, shapes (features, hidden), ..., (hidden, outputs)
        One matrix a layer; a network without hidden layers has one, (features, outputs).
    biases : sequence of array_like, shapes (hidden,), ..., (outputs,)
    activation : {"tanh", "relu", "sigmoid", "identity"}
        Of the hidden layers. The output has none: of classes, `softmax` makes probabilities of it.

    Returns
    -------
    list of ndarray, shapes (samples, hidden), ..., (samples, outputs)
        The last one is the output. (150, 21) is a hidden layer of 21 units, not the output.

    Raises
    ------
    TypeError
        If an array is not of real numbers.
    ValueError
        If shapes do not fit: all of them are named, and the one that is wrong.

    Notes
    -----
    O(samples weights).

    References
    ----------
    Rumelhart, D. E., Hinton, G. E. and Williams, R. J. (1986). Nature 323, 533-536. doi:10.1038/323533a0

    Examples
    --------
    >>> from gridtrend import neural
    >>> hidden, output = neural.mlp_forward([[1.0, -2.0]], [[[1.0], [1.0]], [[3.0]]], [[0.0], [0.5]], activation="relu")
    >>> hidden.item(), output.item()
    (0.0, 0.5)
    """
    samples = as_floats("x", x)
    network = _given(samples, weights, biases, activation)
    return [layer.copy() for layer in network.run(samples)]


def softmax(z: npt.ArrayLike) -> Array:
    """Probabilities of classes, from outputs of any size: each row of the result sums to 1.

    Examples
    --------
    >>> softmax([[1000.0, 1000.0]])
    array([[0.5, 0.5]])
    """
    outputs = as_floats("z", z)
    if not outputs.ndim or not outputs.shape[-1]:
        raise ValueError(f"z has shape {outputs.shape}, and (..., classes) is needed, of one class or more.")
    with np.errstate(invalid="ignore"):
        shares: Array = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    return shares


def mlp_gradients(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    weights: Sequence[npt.ArrayLike],
    biases: Sequence[npt.ArrayLike],
    *,
    activation: str = "tanh",
    loss: str = "cross-entropy",
    l2: float = 0.0,
) -> tuple[float, list[Array], list[Array]]:
    """Loss of a network and its derivatives, by backpropagation.

    Parameters
    ----------
    x, weights, biases, activation
        As for `mlp_forward`.
    y : array_like
        For "cross-entropy" the classes: integers 0, 1, ... of shape (samples,) or one-hot (samples, outputs), with the
        same result to the bit. For "squared" the targets, (samples, outputs).
    loss : {"cross-entropy", "squared"}
        Mean cross-entropy with the softmax of the output, or half the squared error summed over outputs, mean over
        samples.
    l2 : float
        `l2 / 2` times the sum of all squared weights, biases left out, is added to the loss.

    Returns
    -------
    loss : float
    weight_gradients, bias_gradients : list of ndarray
        Each in the shape of what it belongs to.

    Raises
    ------
    TypeError
        If an array is not of real numbers.
    ValueError
        If shapes do not fit, values are missing, or `y` is neither integers nor one-hot.

    Notes
    -----
    O(samples weights). The derivative of the loss with respect to the output is softmax(output) - onehot, divided by the
    number of samples; with integers, `delta[range(m), y] -= 1` does the same, and with one-hot rows it does not.

    References
    ----------
    Rumelhart, D. E., Hinton, G. E. and Williams, R. J. (1986). Nature 323, 533-536. doi:10.1038/323533a0

    Examples
    --------
    >>> from gridtrend import neural
    >>> loss, (dw,), (db,) = neural.mlp_gradients([[1.0]], [0], [[[0.0, 0.0]]], [[0.0, 0.0]])
    >>> round(loss, 4), dw
    (0.6931, array([[-0.5,  0.5]]))
    """
    samples = as_floats("x", x)
    network = _given(samples, weights, biases, activation)
    network.choose_loss(loss, l2)
    targets = network.targets(y, len(samples))
    check_finite(x=samples)
    value = network(samples, targets)
    return value, network.weight_gradients, network.bias_gradients


def fit_mlp(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    hidden: Sequence[int] = (16,),
    activation: str = "tanh",
    loss: str = "cross-entropy",
    l2: float = 0.0,
    start: tuple[Sequence[npt.ArrayLike], Sequence[npt.ArrayLike]] | None = None,
    validation: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    epochs: int = 200,
    batch: int | None = 32,
    optimizer: str = "adam",
    learning_rate: float = 1e-2,
    momentum: float = 0.9,
    decay: float = 0.01,
    clip: float | None = None,
    patience: int | None = None,
    seed: int = 0,
    progress: bool | None = None,
) -> tuple[list[Array], list[Array], History]:
    """Train a layered network.

    Parameters
    ----------
    x : array_like, shape (samples, features)
        Used as it is: see `Scaler`, or `MLPClassifier` and `MLPRegressor`, which scale.
    y : array_like
        Classes as integers 0, 1, ... or one-hot, or for the squared loss targets (samples, outputs).
    hidden : sequence of int
        Units of each hidden layer; () is logistic or linear regression.
    activation : {"tanh", "relu", "sigmoid", "identity"}
    loss : {"cross-entropy", "squared"}
    l2 : float
        As for `mlp_gradients`.
    start : (weights, biases), optional
        Parameters to start from. By default weights are uniform within sqrt(6 / (inputs + units)) of their layer
        (relu: sqrt(6 / inputs)), and biases zero.
    validation : (x, y), optional
        Samples that are not trained on. The parameters of the epoch that does best on them are returned.
    epochs : int
        Passes over the samples ("lbfgs": iterations at most).
    batch : int, optional
        Samples in each step, in a new random order for each epoch. None (which "lbfgs" needs) takes all at once.
    optimizer : {"adam", "sgd", "lbfgs"}
    learning_rate, momentum, decay : float
        Length of steps, momentum of "sgd", and the share of the learning rate that is left at the end.
    clip : float, optional
        Gradients longer than this are shortened to it.
    patience : int, optional
        Stop after so many epochs without a lower validation loss.
    seed : int
        Of the start and of the order of samples: the same seed gives the same network to the bit.
    progress : bool, optional
        Show a line on stderr. By default where that is a terminal and training takes more than 2 s.

    Returns
    -------
    weights, biases : list of ndarray
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
    O(epochs samples weights).

    References
    ----------
    Glorot, X. and Bengio, Y. (2010). Proc. AISTATS 9, 249-256.

    Kingma, D. P. and Ba, J. (2015). Adam. doi:10.48550/arXiv.1412.6980

    Examples
    --------
    >>> from gridtrend import neural
    >>> x, y = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0]
    >>> weights, biases, history = neural.fit_mlp(x, y, hidden=(4,), seed=1)
    >>> neural.mlp_forward(x, weights, biases)[-1].argmax(axis=1)
    array([0, 1, 1, 0])
    """
    options = Options(epochs, batch, optimizer, learning_rate, momentum, decay, clip, patience, seed, progress)
    samples = as_floats("x", x)
    _check_samples(samples)
    check_finite(x=samples)
    if start is not None:
        network = _given(samples, *check_pair("start", start, "weights, biases"), activation)
    else:
        outputs = _outputs(y, len(samples), choose("loss", loss, LOSSES))
        network = LayeredNetwork([samples.shape[1], *check_hidden(hidden), outputs], activation_code(activation))
        network.draw(options.seed)
    network.choose_loss(loss, l2)
    held_out = None
    if validation is not None:
        held_out_x, held_out_y = check_pair("validation", validation, "x, y")
        held_out_x = as_floats("validation x", held_out_x)
        if held_out_x.ndim != 2 or held_out_x.shape[1] != samples.shape[1] or not held_out_x.size:
            raise ValueError(f"validation x has shape {held_out_x.shape}, and (samples, {samples.shape[1]}) is needed.")
        check_finite(**{"validation x": held_out_x})
        held_out = held_out_x, network.targets(held_out_y, len(held_out_x))
    history = minimise(network, samples, network.targets(y, len(samples)), options, held_out)
    return [w.copy() for w in network.weights], [b.copy() for b in network.biases], history


def _given(
    x: Array, weights: Sequence[npt.ArrayLike], biases: Sequence[npt.ArrayLike], activation: str
) -> LayeredNetwork:
    """A network of the given parameters, which fit each other and the samples."""
    _check_samples(x)
    for name, layers in (("weights", weights), ("biases", biases)):
        if not isinstance(layers, list | tuple):
            raise TypeError(f"{name} is {type(layers).__name__}; a list with one array a layer is expected.")
    arrays = {f"weights[{i}]": as_floats(f"weights[{i}]", array) for i, array in enumerate(weights)}
    arrays |= {f"biases[{i}]": as_floats(f"biases[{i}]", array) for i, array in enumerate(biases)}
    n_layers = len(weights)
    if not n_layers or n_layers != len(biases):
        raise ValueError(f"there are {n_layers} weights and {len(biases)} biases; a network has one of each a layer.")
    axes = ["features", *(f"hidden{i + 1}" for i in range(n_layers - 1)), "outputs"]
    wanted = {"x": "samples features"}
    wanted |= {f"weights[{i}]": f"{axes[i]} {axes[i + 1]}" for i in range(n_layers)}
    wanted |= {f"biases[{i}]": axes[i + 1] for i in range(n_layers)}
    sizes = check_shapes(wanted, {"x": x} | arrays)
    network = LayeredNetwork([sizes[axis] for axis in axes], activation_code(activation))
    for mine, given in zip([*network.weights, *network.biases], arrays.values(), strict=True):
        mine[:] = given
    return network


def _check_samples(x: Array) -> None:
    if x.ndim != 2 or not x.size:
        raise ValueError(
            f"x has shape {x.shape}, and (samples, features) is needed, of at least one sample. One sample is "
            "x[numpy.newaxis], one feature x[:, numpy.newaxis]."
        )


def check_hidden(hidden: Sequence[int]) -> list[int]:
    """Sizes of hidden layers as a list."""
    if np.ndim(hidden) != 1:
        layer = f"hidden=({hidden},)" if is_whole(hidden, 1) else "hidden=(8,)"
        raise ValueError(f"hidden={hidden!r} is not a sequence of sizes; one layer is {layer}.")
    sizes = [check_whole("hidden", units) for units in hidden]
    if any(units < 1 for units in sizes):
        raise ValueError(f"hidden={hidden!r} has a layer without units; () is a network without hidden layers.")
    return sizes


def _outputs(y: Any, n_samples: int, loss: str) -> int:
    """How many outputs there are: classes of labels that are indices or one-hot, or columns of targets."""
    if loss == "squared":
        if as_array("y", y).ndim != 2:
            raise ValueError(
                f"y has shape {np.shape(y)}, and (samples, outputs) is needed. A single output is an axis of size 1: "
                "y[:, numpy.newaxis]."
            )
        return int(np.shape(y)[1])
    classes, _ = read_labels(y, n_samples)
    if classes.dtype.kind not in "iu" or classes[0] < 0:
        raise ValueError(
            f"y has the labels {classes.tolist()[:5]}; here classes are 0, 1, 2, ... Any labels will do for MLPClassifier."
        )
    return max(int(classes[-1]) + 1, 2)
