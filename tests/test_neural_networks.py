"""Recurrent and layered networks: shapes, gradients, training."""

import itertools

import numpy as np
import pytest
import scipy.optimize

from gridtrend import neural
from tests import reference_neural as reference

ACTIVATIONS = list(reference.ACTIVATIONS)
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS)


def rnn_case(batch=3, time=7, features=2, hidden=4, outputs=2, every_step=False, seed=0):
    """Return sequences, targets and parameters U, W, V, b, c, h0."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(batch, time, features))
    y = rng.normal(size=(batch, time, outputs) if every_step else (batch, outputs))
    shapes = [(hidden, features), (hidden, hidden), (outputs, hidden), (hidden,), (outputs,), (batch, hidden)]
    return x, y, [0.6 * rng.normal(size=shape) for shape in shapes]


def mlp_case(sizes, samples=6, seed=0):
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=shape) for shape in itertools.pairwise(sizes)]
    biases = [0.3 * rng.normal(size=size) for size in sizes[1:]]
    return rng.normal(size=(samples, sizes[0])), weights, biases


def assert_gradients(found, expected, tolerance):
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= tolerance * max(np.abs(theirs).max(), 1e-3)


# --- recurrent: the answer ------------------------------------------------------------------------


@every_activation
def test_states_and_outputs_are_those_of_the_slow_version(activation):
    x, _, parameters = rnn_case()
    states, outputs = neural.rnn_forward(x, *parameters, activation=activation)
    expected = np.moveaxis(reference.rnn_states(x, parameters, activation)[1:], 0, 1)
    np.testing.assert_allclose(states, expected.astype(float), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(
        outputs, expected.astype(float) @ parameters[2].T + parameters[4], rtol=1e-13, atol=1e-14
    )


def test_one_sequence_is_a_batch_of_one():
    x, y, (*parameters, h0) = rnn_case()
    together = neural.rnn_forward(x[:1], *parameters, h0[:1])
    alone = neural.rnn_forward(x[0], *parameters, h0[0])
    assert [array.shape for array in alone] == [(7, 4), (7, 2)]
    for one, batch in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, batch[0])
    assert (
        neural.rnn_gradients(x[0], y[0], *parameters, h0[0])[0]
        == neural.rnn_gradients(x[:1], y[:1], *parameters, h0[0])[0]
    )


def test_an_identity_activation_is_the_linear_recursion():
    # x[t+1] = 2 cos(w) x[t] - x[t-1]: a sine, by two hidden units that pass it on.
    w = 0.3
    rotation = [[np.cos(w), -np.sin(w)], [np.sin(w), np.cos(w)]]
    _, outputs = neural.rnn_forward(
        np.zeros((40, 1)), [[0.0], [0.0]], rotation, [[0.0, 1.0]], h0=[1.0, 0.0], activation="identity"
    )
    np.testing.assert_allclose(outputs[:, 0], np.sin(w * np.arange(1, 41)), atol=1e-14)


@every_activation
@pytest.mark.parametrize("every_step", [False, True], ids=["last_step", "every_step"])
@pytest.mark.parametrize("truncate", [None, 1, 3, 7, 20])
def test_recurrent_gradients_agree_with_central_differences(activation, every_step, truncate):
    x, y, parameters = rnn_case(every_step=every_step)
    loss, gradients = neural.rnn_gradients(x, y, *parameters, activation=activation, truncate=truncate)
    frozen = reference.rnn_states(x, parameters, activation)

    def cut(arrays):
        return reference.rnn_loss(x, y, arrays, activation, frozen=frozen, truncate=truncate)

    assert loss == pytest.approx(float(cut(parameters)), rel=1e-13)
    assert_gradients(gradients, reference.central_differences(cut, parameters), 1e-7)


@pytest.mark.parametrize(
    ("batch", "time", "features", "hidden", "outputs"), [(1, 1, 1, 1, 1), (5, 4, 1, 17, 1), (1, 9, 3, 2, 5)]
)
def test_recurrent_gradients_hold_for_any_size(batch, time, features, hidden, outputs):
    x, y, parameters = rnn_case(batch, time, features, hidden, outputs)
    _, gradients = neural.rnn_gradients(x, y, *parameters)
    expected = reference.central_differences(lambda arrays: reference.rnn_loss(x, y, arrays, "tanh"), parameters)
    assert_gradients(gradients, expected, 1e-7)


def torch_rnn(torch, x, y, parameters, activation, truncate):
    tensors = [torch.tensor(array, requires_grad=True) for array in parameters]
    U, W, V, b, c, state = tensors
    functions = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda z: z}
    inputs, n_time, outputs = torch.tensor(x), x.shape[1], []
    for t in range(n_time):
        if truncate and t and (n_time - t) % truncate == 0:
            state = state.detach()
        state = functions[activation](inputs[:, t] @ U.T + state @ W.T + b)
        outputs.append(state @ V.T + c)
    found = torch.stack(outputs, 1) if y.ndim == 3 else outputs[-1]
    loss = 0.5 * ((found - torch.tensor(y)) ** 2).sum(-1).mean()
    loss.backward()
    return float(loss.detach()), [np.zeros(p.shape) if p.grad is None else p.grad.numpy() for p in tensors]


@every_activation
@pytest.mark.parametrize("every_step", [False, True], ids=["last_step", "every_step"])
@pytest.mark.parametrize("truncate", [None, 1, 4, 20])
@pytest.mark.parametrize("batch", [1, 6])
def test_recurrent_gradients_agree_with_torch(activation, every_step, truncate, batch):
    torch = pytest.importorskip("torch")
    x, y, parameters = rnn_case(batch=batch, time=20, hidden=11, every_step=every_step)
    loss, gradients = neural.rnn_gradients(x, y, *parameters, activation=activation, truncate=truncate)
    expected_loss, expected = torch_rnn(torch, x, y, parameters, activation, truncate)
    assert loss == pytest.approx(expected_loss, rel=1e-12)
    assert_gradients(gradients, expected, 1e-12)


# --- recurrent: mistakes --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"U": np.ones((4, 7))},
            r"U has shape \(4, 7\), and \(hidden, features\) = \(4, 2\).*same U, W and V serve every",
        ),
        ({"W": np.ones((4, 2))}, r"W has shape \(4, 2\), and \(hidden, hidden\) = \(4, 4\).*W is square"),
        ({"V": np.ones((2, 7))}, r"V has shape \(2, 7\), and \(outputs, hidden\) = \(2, 4\)"),
        ({"b": np.ones(3)}, r"b has shape \(3,\), and \(hidden\) = \(4\)"),
        ({"c": np.ones((2, 1))}, r"c has shape \(2, 1\), and \(outputs\) = \(2\)"),
        ({"h0": np.ones((2, 4))}, r"h0 has shape \(2, 4\), and \(batch, hidden\) = \(3, 4\)"),
        ({"x": np.ones(7)}, r"x has shape \(7,\).*A single feature is an axis of size 1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_wrong_shape_is_named_among_all_shapes(wrong, message):
    x, _, (U, W, V, b, c, h0) = rnn_case()
    given = {"x": x, "U": U, "W": W, "V": V, "b": b, "c": c, "h0": h0} | wrong
    with pytest.raises(ValueError, match=message) as error:
        neural.rnn_forward(**given)
    assert all(f"{name} {array.shape}" in str(error.value) for name, array in given.items())
    (name,) = wrong
    assert [part for part in given if f"{part} has shape" in str(error.value)] == [name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y": np.ones((3, 5))}, r"\(3, 2\), \(batch, outputs\) at the last step, or \(3, 7, 2\) at every step"),
        ({"y": np.full((3, 2), np.nan)}, "y has 6 missing or infinite values"),
        ({"truncate": 0}, "truncate=0 is not a number of steps"),
        ({"activation": "softplus"}, "use one of 'tanh', 'relu', 'sigmoid', 'identity'"),
    ],
    ids=["shape", "missing", "truncate", "activation"],
)
def test_what_gradients_cannot_use_is_refused(change, message):
    x, y, parameters = rnn_case()
    options = {"y": y} | change
    with pytest.raises(ValueError, match=message):
        neural.rnn_gradients(x, options.pop("y"), *parameters, **options)


def test_inputs_are_only_read():
    x, y, parameters = rnn_case()
    for array in (x, y, *parameters):
        array.setflags(write=False)
    neural.rnn_gradients(x, y, *parameters)
    xs, weights, biases = mlp_case([3, 4, 2])
    for array in (xs, *weights, *biases):
        array.setflags(write=False)
    neural.mlp_gradients(xs, [0, 1, 0, 1, 0, 1], weights, biases)


# --- layered: the answer --------------------------------------------------------------------------


@every_activation
@pytest.mark.parametrize("hidden", [(), (5,), (4, 3), (3, 4, 2)], ids=str)
@pytest.mark.parametrize("loss", ["cross-entropy", "squared"])
def test_layered_gradients_agree_with_central_differences(activation, hidden, loss):
    x, weights, biases = mlp_case([3, *hidden, 3])
    y = np.array([0, 2, 1, 1, 0, 2]) if loss == "cross-entropy" else np.random.default_rng(1).normal(size=(6, 3))
    options = {"activation": activation, "loss": loss, "l2": 0.3}
    value, *gradients = neural.mlp_gradients(x, y, weights, biases, **options)
    n = len(weights)

    def slow(arrays):
        return reference.mlp_loss(x, y, arrays[:n], arrays[n:], **options)

    assert value == pytest.approx(float(slow([*weights, *biases])), rel=1e-13)
    expected = reference.central_differences(slow, [*weights, *biases])
    assert_gradients([*gradients[0], *gradients[1]], expected, 1e-7)


@every_activation
@pytest.mark.parametrize("hidden", [(), (21,), (8, 5), (7, 6, 5)], ids=str)
@pytest.mark.parametrize("samples", [1, 33])
def test_layered_gradients_agree_with_torch(activation, hidden, samples):
    torch = pytest.importorskip("torch")
    x, weights, biases = mlp_case([4, *hidden, 3], samples)
    y = np.arange(samples) % 3
    _, *gradients = neural.mlp_gradients(x, y, weights, biases, activation=activation)
    functions = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda z: z}
    tensors = [torch.tensor(array, requires_grad=True) for array in (*weights, *biases)]
    layer = torch.tensor(x)
    for weight, bias in zip(tensors[: len(weights) - 1], tensors[len(weights) : -1], strict=True):
        layer = functions[activation](layer @ weight + bias)
    output = layer @ tensors[len(weights) - 1] + tensors[-1]
    torch.nn.functional.cross_entropy(output, torch.tensor(y)).backward()
    assert_gradients([*gradients[0], *gradients[1]], [tensor.grad.numpy() for tensor in tensors], 1e-12)


def test_integer_and_one_hot_labels_give_the_same_bits():
    x, weights, biases = mlp_case([4, 21, 3], samples=150)
    y = np.random.default_rng(0).integers(0, 3, 150)
    loss, *gradients = neural.mlp_gradients(x, y, weights, biases)
    one_hot_loss, *one_hot = neural.mlp_gradients(x, np.eye(3)[y], weights, biases)
    assert loss == one_hot_loss
    for ours, theirs in zip([*gradients[0], *gradients[1]], [*one_hot[0], *one_hot[1]], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_outputs_of_any_size_have_a_finite_loss():
    loss, (gradient,), _ = neural.mlp_gradients([[1.0]], [0], [[[-1e5, 1e5]]], [[0.0, 0.0]])
    assert loss == 2e5
    np.testing.assert_allclose(gradient, [[-1.0, 1.0]])
    np.testing.assert_array_equal(neural.softmax([[-1e5, 1e5]]), [[0.0, 1.0]])


def test_without_hidden_layers_the_optimum_is_that_of_logistic_regression():
    linear_model = pytest.importorskip("sklearn.linear_model")
    x, _, _ = mlp_case([4, 3], samples=80)
    y = (x[:, 0] + np.random.default_rng(2).normal(size=80) > 0) + (x[:, 1] > 1).astype(int)
    (weights,), (biases,), history = neural.fit_mlp(
        x, y, hidden=(), l2=0.05, optimizer="lbfgs", batch=None, epochs=2000
    )
    peer = linear_model.LogisticRegression(C=1 / (0.05 * 80), tol=1e-12, max_iter=10_000).fit(x, y)
    np.testing.assert_allclose(weights, peer.coef_.T, atol=1e-5)
    np.testing.assert_allclose(biases - biases.mean(), peer.intercept_ - peer.intercept_.mean(), atol=1e-5)
    assert history.loss[-1] <= history.loss[0]


def test_without_hidden_layers_the_optimum_of_squared_error_is_least_squares():
    x, _, _ = mlp_case([3, 1], samples=40)
    y = x @ [[1.0], [-2.0], [0.5]] + 3 + np.random.default_rng(0).normal(size=(40, 1))
    (weights,), (bias,), _ = neural.fit_mlp(x, y, hidden=(), loss="squared", optimizer="lbfgs", batch=None, epochs=500)
    expected = np.linalg.lstsq(np.column_stack([x, np.ones(40)]), y, rcond=None)[0]
    np.testing.assert_allclose([*weights, bias], expected, atol=1e-7)


# --- layered: mistakes ----------------------------------------------------------------------------


def test_a_hidden_layer_taken_for_the_output_is_told():
    x, weights, biases = mlp_case([4, 21], samples=150)
    with pytest.raises(ValueError, match=r"one-hot with 3 columns, and there are 21 classes"):
        neural.mlp_gradients(x, np.eye(3)[np.arange(150) % 3], weights, biases)
    with pytest.raises(
        ValueError, match=r"\(150, 21\) and values other than 0 and 1.*activations of a hidden layer are no labels"
    ):
        neural.mlp_gradients(x, neural.mlp_forward(x, weights, biases)[-1], weights, biases)


def test_layers_that_do_not_fit_are_named():
    x, weights, biases = mlp_case([4, 21, 3])
    with pytest.raises(ValueError, match=r"weights\[1\] has shape \(3, 21\), and \(hidden1, outputs\) = \(21, 3\)"):
        neural.mlp_forward(x, [weights[0], weights[1].T], biases)
    with pytest.raises(ValueError, match="there are 2 weights and 1 biases"):
        neural.mlp_forward(x, weights, biases[:1])


# --- training -------------------------------------------------------------------------------------


def blobs(n=60):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    return rng.normal(size=(n, 2)) + 3 * np.eye(3)[y][:, :2], y


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "lbfgs"])
def test_every_optimizer_lowers_the_loss(optimizer):
    x, y = blobs()
    batch = None if optimizer == "lbfgs" else 20
    *_, history = neural.fit_mlp(x, y, optimizer=optimizer, batch=batch, epochs=30)
    assert history.loss[-1] < 0.4 < history.loss[0] or optimizer == "lbfgs"
    assert history.loss[-1] < 0.4


def test_plain_descent_takes_the_steps_that_the_gradients_say():
    x, weights, biases = mlp_case([3, 4, 2], samples=10)
    y = np.arange(10) % 2
    found = neural.fit_mlp(
        x, y, start=(weights, biases), optimizer="sgd", learning_rate=0.1, momentum=0.5, decay=1.0, batch=None, epochs=3
    )
    velocity = [np.zeros_like(array) for array in (*weights, *biases)]
    for _ in range(3):
        _, *gradients = neural.mlp_gradients(x, y, weights, biases)
        velocity = [0.5 * v - 0.1 * g for v, g in zip(velocity, [*gradients[0], *gradients[1]], strict=True)]
        moved = [a + v for a, v in zip((*weights, *biases), velocity, strict=True)]
        weights, biases = moved[:2], moved[2:]
    for ours, theirs in zip((*found[0], *found[1]), (*weights, *biases), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-13)


def test_adam_takes_the_steps_of_its_paper():
    x, weights, biases = mlp_case([2, 2], samples=5)
    y = np.arange(5) % 2
    found = neural.fit_mlp(x, y, start=(weights, biases), learning_rate=0.1, decay=1.0, batch=None, epochs=2)
    theta, m, v = [*weights, *biases], [0.0, 0.0], [0.0, 0.0]
    for t in (1, 2):
        _, *gradients = neural.mlp_gradients(x, y, theta[:1], theta[1:])
        for i, g in enumerate([*gradients[0], *gradients[1]]):
            m[i], v[i] = 0.9 * m[i] + 0.1 * g, 0.999 * v[i] + 0.001 * g**2
            theta[i] = theta[i] - 0.1 * (m[i] / (1 - 0.9**t)) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-8)
    np.testing.assert_allclose(found[0][0], theta[0], rtol=1e-12)
    np.testing.assert_allclose(found[1][0], theta[1], rtol=1e-12)


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    x, y = blobs()
    one, again, other = (neural.fit_mlp(x, y, epochs=3, seed=seed)[0][0] for seed in (5, 5, 6))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_clipped_steps_are_no_longer_than_allowed():
    x, weights, biases = mlp_case([3, 2], samples=4)
    start = (weights, biases)
    options = {"optimizer": "sgd", "momentum": 0.0, "learning_rate": 1.0, "decay": 1.0, "batch": None, "epochs": 1}
    found = neural.fit_mlp(100 * x, [0, 1, 0, 1], start=start, clip=0.01, **options)
    moved = [a - b for a, b in zip((*found[0], *found[1]), (*weights, *biases), strict=True)]
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(0.01)


def test_training_stops_early_and_keeps_the_best_parameters():
    x, y = blobs()
    noise = np.random.default_rng(1).permutation(y)
    *network, history = neural.fit_mlp(x, noise, hidden=(30,), validation=(x + 1, y), patience=5, epochs=400)
    assert len(history.loss) == history.best_epoch + 6 < 400
    assert history.validation_loss[history.best_epoch] == min(history.validation_loss)
    assert neural.mlp_gradients(x + 1, y, *network)[0] == pytest.approx(min(history.validation_loss), rel=1e-12)


def test_progress_is_shown_when_asked_for(capfd):
    x, y = blobs()
    neural.fit_mlp(x, y, epochs=3, progress=True)
    shown = capfd.readouterr().err
    assert "epoch 3/3" in shown
    assert shown.endswith("\n")
    neural.fit_mlp(x, y, epochs=3)
    assert capfd.readouterr().err == ""


def test_steps_that_are_too_long_are_told():
    x, _y = blobs()
    with pytest.raises(FloatingPointError, match="Lower learning_rate"), np.errstate(all="ignore"):
        neural.fit_mlp(x, x * 1e3, loss="squared", optimizer="sgd", learning_rate=1e9, activation="relu", epochs=50)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "rmsprop"}, "use one of 'adam', 'sgd', 'lbfgs'"),
        ({"epochs": 0}, "epochs=0 is not a count"),
        ({"learning_rate": -1.0}, "learning_rate=-1.0 is not positive"),
        ({"momentum": 1.0}, "momentum=1.0"),
        ({"patience": 3}, "patience needs samples to watch"),
        ({"hidden": 21}, r"one layer is hidden=\(21,\)"),
        ({"hidden": (0,)}, "a layer without units"),
        ({"l2": -1.0}, "l2=-1.0 is not a penalty"),
        ({"loss": "squared"}, r"y has shape \(60,\), and \(samples, outputs\) is needed"),
        ({"loss": "hinge"}, "use one of 'cross-entropy', 'squared'"),
        ({"optimizer": "lbfgs"}, "give batch=None"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_option_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        neural.fit_mlp(*blobs(), **options)


def test_a_recurrent_network_learns_a_linear_recursion():
    rng = np.random.default_rng(0)
    series = np.zeros(300)
    for t in range(2, 300):
        series[t] = 1.2 * series[t - 1] - 0.6 * series[t - 2] + rng.normal()
    x, y = neural.windows(series, 12)
    parameters, history = neural.fit_rnn(
        x, y, hidden=2, activation="identity", optimizer="lbfgs", batch=None, clip=None, epochs=300
    )
    features, target = neural.lagged(series, 12)
    design = np.column_stack([features, np.ones(len(features))])
    least = np.linalg.lstsq(design, target, rcond=None)[1][0] / len(target) / 2
    # Two hidden units hold any AR(2), and at most what 12 free lags hold.
    assert least * (1 - 1e-9) <= history.loss[-1] <= 1.05 * least
    assert isinstance(parameters.W, np.ndarray)


def test_training_goes_on_from_given_parameters():
    x, y, _ = rnn_case()
    first, _ = neural.fit_rnn(x, y, hidden=4, batch=None, epochs=5)
    loss = neural.rnn_gradients(x, y, *first)[0]
    _, history = neural.fit_rnn(x, y, hidden=4, batch=None, epochs=5, start=first)
    assert history.loss[0] == pytest.approx(loss, rel=1e-12)
    with pytest.raises(ValueError, match=r"hidden has shape \(3,\), and \(hidden\) = \(4\)"):
        neural.fit_rnn(x, y, hidden=3, start=first)


def test_the_minimum_found_by_lbfgs_is_a_minimum():
    x, y = blobs(30)
    weights, biases, _ = neural.fit_mlp(x, y, hidden=(), l2=0.1, optimizer="lbfgs", batch=None, epochs=500)

    def loss(flat):
        return neural.mlp_gradients(x, y, [flat[:6].reshape(2, 3)], [flat[6:]], l2=0.1)[0]

    found = scipy.optimize.minimize(loss, np.concatenate([weights[0].ravel(), biases[0]]), method="Nelder-Mead")
    assert loss(np.concatenate([weights[0].ravel(), biases[0]])) <= found.fun + 1e-9
