"""Networks beside torch, scikit-learn and a loop in NumPy: the same start, the same steps, the same losses."""

from collections.abc import Callable
from functools import cache, partial, wraps
from typing import Any

import numpy as np
import threadpoolctl
import xarray as xr

from benchmarks.harness import Comparison, Outputs
from benchmarks.tables import Table, ratio, seconds, times
from benchmarks.timing import installed, medians
from gridtrend import neural
from gridtrend.engine.elementary import tanh
from gridtrend.engine.jit import entry

ROUNDING = 1e-9
LENGTH, HIDDEN, RNN_EPOCHS, RATE = 50, 100, 5, 0.1
# How many steps loops reach back, and steps so short that the newcomer's first epoch changes next to nothing.
BACK, SLOW = 5, 1e-14
IRIS_HIDDEN, IRIS_RATE = 21, 0.1
LAGS, UNITS, CELL_EPOCHS, CELL_RATE = 4, 8, 100, 0.1


def on_one_thread(call: Callable[..., Any]) -> Callable[..., Any]:
    """BLAS and torch may use one thread."""

    @wraps(call)
    def pinned(*arguments: Any, **options: Any) -> Any:
        if installed("torch"):
            import torch

            torch.set_num_threads(1)
        with threadpoolctl.threadpool_limits(1):
            return call(*arguments, **options)

    return pinned


# --- one recurrent network ------------------------------------------------------------------------


def sine(quick: bool) -> xr.Dataset:
    """The newcomer's task: the 100 training windows of a sine."""
    X, y = neural.windows(np.sin(np.arange(200.0)), LENGTH)
    n = 10 if quick else 100
    return xr.Dataset({"X": (("sample", "step", "feature"), X[:n]), "y": (("sample", "output"), y[:n])})


@cache
def rnn_start() -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    shapes = [(HIDDEN, 1), (HIDDEN, HIDDEN), (1, HIDDEN)]
    return *(rng.uniform(-0.1, 0.1, shape) for shape in shapes), np.zeros(HIDDEN), np.zeros(1)


@on_one_thread
def our_rnn(data: xr.Dataset, truncate: int | None = None) -> Outputs:
    parameters, history = neural.fit_rnn(
        data.X.values,
        data.y.values,
        hidden=HIDDEN,
        start=neural.RNNParameters(*rnn_start()),
        truncate=truncate,
        epochs=RNN_EPOCHS,
        batch=None,
        optimizer="sgd",
        learning_rate=RATE,
        momentum=0.0,
        decay=1.0,
        clip=None,
    )
    return {"loss": history.loss, "W": parameters.W}


@on_one_thread
def torch_rnn(data: xr.Dataset) -> Outputs:
    import torch

    U, W, V, b, c = map(torch.tensor, rnn_start())
    layer = torch.nn.RNN(1, HIDDEN, batch_first=True).double()
    output = torch.nn.Linear(HIDDEN, 1).double()
    with torch.no_grad():
        for mine, given in (
            (layer.weight_ih_l0, U), (layer.weight_hh_l0, W), (layer.bias_ih_l0, b), (layer.bias_hh_l0, b),
            (output.weight, V), (output.bias, c),
        ):  # fmt: skip
            mine.copy_(given)
    # torch has two biases that are added; one of them is enough.
    layer.bias_hh_l0.requires_grad_(False)
    trained = [p for p in (*layer.parameters(), *output.parameters()) if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=RATE)
    x, y = torch.tensor(data.X.values), torch.tensor(data.y.values)
    losses = []
    for _ in range(RNN_EPOCHS):
        optimizer.zero_grad()
        loss = 0.5 * ((output(layer(x)[0][:, -1]) - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"loss": losses, "W": layer.weight_hh_l0.detach().numpy()}


@on_one_thread
def tutorial_loop(data: xr.Dataset) -> Outputs:
    """The newcomer's code: U has a column a step, and meets a vector that is zero but at its place; back over 5 steps.

    Its columns start alike, so that the loss before the first step is that of a recurrent network.
    """
    first, W, V, b, c = (array.copy() for array in rnn_start())
    U = np.repeat(first, LENGTH, axis=1)
    losses = []
    for _ in range(RNN_EPOCHS):
        loss = 0.0
        for x, y in zip(data.X.values, data.y.values, strict=True):
            dU, dW = np.zeros_like(U), np.zeros_like(W)
            states = [np.zeros((HIDDEN, 1))]
            for t in range(LENGTH):
                placed = np.zeros((LENGTH, 1))
                placed[t] = x[t]
                states.append(np.tanh(U @ placed + W @ states[-1] + b[:, None]))
            error = V @ states[-1] + c[:, None] - y[:, None]
            loss += 0.5 * error.item() ** 2
            back = V.T @ error
            for t in range(LENGTH - 1, LENGTH - 1 - BACK, -1):
                delta = back * (1 - states[t + 1] ** 2)
                dU[:, t] += delta[:, 0] * x[t]
                dW += delta @ states[t].T
                back = W.T @ delta
            U -= SLOW * dU
            W -= SLOW * dW
            V -= SLOW * error @ states[-1].T
        losses.append(loss / len(data.X))
    return {"first_loss": losses[0]}


@on_one_thread
def record_loop(data: xr.Dataset) -> Outputs:
    """A recurrent network one record and one step at a time, back over 5 steps; weights change after all records."""
    U, W, V, b, c = (array.copy() for array in rnn_start())
    losses = []
    for _ in range(RNN_EPOCHS):
        gradients = [np.zeros_like(array) for array in (U, W, V, b, c)]
        loss = 0.0
        for x, y in zip(data.X.values, data.y.values, strict=True):
            states = [np.zeros(HIDDEN)]
            for t in range(LENGTH):
                states.append(np.tanh(U @ x[t] + W @ states[-1] + b))
            error = V @ states[-1] + c - y
            loss += 0.5 * float(error @ error)
            gradients[2] += np.outer(error, states[-1])
            gradients[4] += error
            back = V.T @ error
            for t in range(LENGTH - 1, LENGTH - 1 - BACK, -1):
                delta = back * (1 - states[t + 1] ** 2)
                gradients[0] += np.outer(delta, x[t])
                gradients[1] += np.outer(delta, states[t])
                gradients[3] += delta
                back = W.T @ delta
        for array, gradient in zip((U, W, V, b, c), gradients, strict=True):
            array -= RATE / len(data.X) * gradient
        losses.append(loss / len(data.X))
    return {"loss": losses, "W": W}


def our_first_loss(data: xr.Dataset, truncate: int | None = None) -> Outputs:
    """Before the first change of weights the loss is that of any loop, however far back it reaches."""
    return {"first_loss": our_rnn(data, truncate)["loss"][0]}


# --- one classifier -------------------------------------------------------------------------------


def iris(quick: bool) -> xr.Dataset:
    from sklearn.datasets import load_iris

    x, y = load_iris(return_X_y=True)
    data = {"x": (("sample", "feature"), (x - x.mean(axis=0)) / x.std(axis=0)), "y": ("sample", y)}
    return xr.Dataset(data).isel(sample=slice(None, None, 10 if quick else 1))


def iris_epochs(data: xr.Dataset) -> int:
    return 1000 if data.sizes["sample"] == 150 else 20


@cache
def iris_start() -> tuple[list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.5, (4, IRIS_HIDDEN)), rng.normal(0, 0.2, (IRIS_HIDDEN, 3))]
    return weights, [np.zeros(IRIS_HIDDEN), np.zeros(3)]


@on_one_thread
def our_classifier(data: xr.Dataset) -> Outputs:
    weights, _, history = neural.fit_mlp(
        data.x.values,
        data.y.values,
        start=iris_start(),
        epochs=iris_epochs(data),
        batch=None,
        optimizer="sgd",
        learning_rate=IRIS_RATE,
        momentum=0.0,
        decay=1.0,
    )
    return {"loss": history.loss, "weights": weights[0]}


@on_one_thread
def torch_classifier(data: xr.Dataset) -> Outputs:
    import torch

    net = torch.nn.Sequential(
        torch.nn.Linear(4, IRIS_HIDDEN), torch.nn.Tanh(), torch.nn.Linear(IRIS_HIDDEN, 3)
    ).double()
    with torch.no_grad():
        for layer, weights, biases in zip((net[0], net[2]), *iris_start(), strict=True):
            layer.weight.copy_(torch.tensor(weights.T))
            layer.bias.copy_(torch.tensor(biases))
    optimizer = torch.optim.SGD(net.parameters(), lr=IRIS_RATE)
    compare = torch.nn.CrossEntropyLoss()
    x, y = torch.tensor(data.x.values), torch.tensor(data.y.values)
    losses = []
    for _ in range(iris_epochs(data)):
        optimizer.zero_grad()
        loss = compare(net(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return {"loss": losses, "weights": net[0].weight.detach().numpy().T}


def plain_descent(kind: str, start: Any, x: np.ndarray, y: np.ndarray, epochs: int, rate: float) -> Any:
    """Train scikit-learn's network from a given start by plain gradient descent on all samples."""
    from sklearn import neural_network

    model = getattr(neural_network, kind)(
        hidden_layer_sizes=(len(start[1][0]),),
        activation="tanh",
        solver="sgd",
        alpha=0.0,
        batch_size=len(x),
        learning_rate_init=rate,
        max_iter=1,
        shuffle=False,
        tol=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        n_iter_no_change=10**6,
        warm_start=True,
        random_state=0,
    ).fit(x, y)
    model.coefs_ = [weights.copy() for weights in start[0]]
    model.intercepts_ = [biases.copy() for biases in start[1]]
    model.loss_curve_ = []
    return model.set_params(max_iter=epochs).fit(x, y)


@on_one_thread
def sklearn_classifier(data: xr.Dataset) -> Outputs:
    model = plain_descent("MLPClassifier", iris_start(), data.x.values, data.y.values, iris_epochs(data), IRIS_RATE)
    return {"loss": model.loss_curve_, "weights": model.coefs_[0]}


# --- a network per cell ---------------------------------------------------------------------------


def cells(quick: bool) -> xr.DataArray:
    """150 samples of 4 lags in 4,096 cells, of a process that is not linear."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(150 + LAGS, *((4, 8) if quick else (64, 64))))
    for t in range(2, len(values)):
        values[t] += 1.2 * np.tanh(values[t - 1]) - 0.5 * values[t - 2]
    return xr.DataArray(values, dims=("time", "lat", "lon"))


def our_cells(da: xr.DataArray, epochs: int = CELL_EPOCHS, rate: float = CELL_RATE) -> xr.Dataset:
    return neural.fit_per_cell(da, lags=LAGS, hidden=(UNITS,), epochs=epochs, learning_rate=rate, momentum=0.0)


@cache
def cell_starts(shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Weights that our cells start from: W1 (cell, 4, 8), b1 (cell, 8), W2 (cell, 8), b2 (cell,)."""
    noise = np.random.default_rng(0).normal(size=(30, *shape))
    # Steps so short that nothing moves.
    flat = our_cells(xr.DataArray(noise, dims=("time", "lat", "lon")), 1, 1e-300).weights.values.reshape(-1, 49)
    return flat[:, :32].reshape(-1, UNITS, LAGS).swapaxes(1, 2), flat[:, 32:40], flat[:, 40:48], flat[:, 48]


def cell_samples(da: xr.DataArray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scaled features (cell, sample, 4) and targets (cell, sample), and the scale of each cell."""
    series = da.values.reshape(len(da), -1).T
    scale = series.std(axis=1)
    scaled = (series - series.mean(axis=1)[:, None]) / scale[:, None]
    windows = np.lib.stride_tricks.sliding_window_view(scaled[:, :-1], LAGS, axis=1)
    return np.ascontiguousarray(windows[:, :, ::-1]), np.ascontiguousarray(scaled[:, LAGS:]), scale


@on_one_thread
def sklearn_cells(da: xr.DataArray) -> Outputs:
    x, y, scale = cell_samples(da)
    W1, b1, W2, b2 = cell_starts(da.shape[1:])
    rmse = np.empty(len(x))
    for k in range(len(x)):
        start = [W1[k], W2[k][:, None]], [b1[k], b2[k : k + 1]]
        model = plain_descent("MLPRegressor", start, x[k], y[k], CELL_EPOCHS, CELL_RATE)
        rmse[k] = scale[k] * np.sqrt(np.mean((model.predict(x[k]) - y[k]) ** 2))
    return {"rmse": rmse.reshape(da.shape[1:])}


@on_one_thread
def torch_cells(da: xr.DataArray) -> Outputs:
    """All cells in batched matrix products, with the gradient written out: torch's own would take longer."""
    import torch

    x, y, scale = cell_samples(da)
    xs, ys = torch.tensor(x), torch.tensor(y)
    W1, b1, W2, b2 = (torch.tensor(np.ascontiguousarray(array)) for array in cell_starts(da.shape[1:]))
    b1, W2, b2 = b1[:, None], W2[:, :, None], b2[:, None, None]
    n = xs.shape[1]
    for epoch in range(CELL_EPOCHS + 1):
        hidden = torch.tanh(torch.baddbmm(b1, xs, W1))
        error = torch.baddbmm(b2, hidden, W2)[:, :, 0] - ys
        if epoch == CELL_EPOCHS:
            break
        step = CELL_RATE / n * error
        delta = step[:, :, None] * W2.transpose(1, 2) * (1 - hidden * hidden)
        b2 = b2 - step.sum(1)[:, None, None]
        W2 = W2 - torch.bmm(hidden.transpose(1, 2), step[:, :, None])
        b1 = b1 - delta.sum(1, keepdim=True)
        W1 = W1 - torch.bmm(xs.transpose(1, 2), delta)
    rmse = scale * np.sqrt((error**2).mean(1).numpy())
    return {"rmse": rmse.reshape(da.shape[1:])}


def comparison(
    task: str, peer: str, package: str, data: Any, ours: Any, theirs: Any, *agree: str, **options: Any
) -> Any:
    return Comparison(
        task=task,
        peer=peer,
        package=package,
        data=data,
        ours=ours,
        theirs=theirs,
        agree=dict.fromkeys(agree, ROUNDING),
        **options,
    )


RNN_TASK = f"RNN, hidden {HIDDEN}, {RNN_EPOCHS} epochs"
IRIS_TASK = f"iris, hidden {IRIS_HIDDEN}, 1000 epochs"
CELL_TASK = f"{LAGS}-{UNITS}-1 per cell, {CELL_EPOCHS} epochs"
COMPARISONS = [
    comparison(RNN_TASK, "torch nn.RNN, batched", "torch", sine, our_rnn, torch_rnn, "loss", "W"),
    comparison(RNN_TASK, "tutorial loop, back 5 steps", "numpy", sine, our_first_loss, tutorial_loop, "first_loss"),
    comparison(
        f"{RNN_TASK}, truncate={BACK}", "tutorial loop, back 5 steps", "numpy", sine,
        partial(our_first_loss, truncate=BACK), tutorial_loop, "first_loss",
    ),
    comparison(
        f"{RNN_TASK}, truncate={BACK}", "loop over records and steps", "numpy", sine,
        partial(our_rnn, truncate=BACK), record_loop, "loss", "W",
    ),
    comparison(IRIS_TASK, "torch", "torch", iris, our_classifier, torch_classifier, "loss", "weights"),
    comparison(IRIS_TASK, "scikit-learn, sgd", "sklearn", iris, our_classifier, sklearn_classifier, "loss", "weights"),
    comparison(CELL_TASK, "torch, batched products", "torch", cells, our_cells, torch_cells, "rmse", rows=16),
    comparison(CELL_TASK, "scikit-learn loop", "sklearn", cells, our_cells, sklearn_cells, "rmse", rows=1),
]  # fmt: skip


# --- by itself ------------------------------------------------------------------------------------


@entry
def tanh_of(values: Any, laps: int) -> None:
    for _ in range(laps):
        for i in range(values.size):
            values[i] = tanh(values[i])


def distance_to_the_limit(quick: bool, laps: int) -> Table:
    """Training beside what it must at least do: its matrix products by BLAS, its activations at the vector rate."""
    grid, record = cells(quick), sine(quick)
    square, out = np.random.default_rng(0).random((2, HIDDEN, HIDDEN))
    values = np.random.default_rng(0).normal(size=4096)
    repeats = 20 if quick else 1000

    @on_one_thread
    def products() -> None:
        for _ in range(repeats):
            np.matmul(square, square, out=out)

    calls = [partial(our_rnn, record), partial(our_cells, grid), products, partial(tanh_of, values, repeats)]
    rnn, per_cell, multiplied, activated = medians(calls, laps)
    flops, tanhs = 2 * HIDDEN**3 * repeats / multiplied, values.size * repeats / activated
    steps = RNN_EPOCHS * record.sizes["sample"] * LENGTH
    rnn_least = 6 * HIDDEN**2 * steps / flops + HIDDEN * steps / tanhs
    samples = grid[0].size * 150 * CELL_EPOCHS
    cells_least = 6 * (LAGS + 1) * UNITS * samples / flops + UNITS * samples / tanhs
    rows = [(RNN_TASK, rnn, rnn_least, rnn / rnn_least), (CELL_TASK, per_cell, cells_least, per_cell / cells_least)]
    columns = {"task": str, "takes": seconds, "at least": seconds, "distance": times}
    note = f"limits measured in this run: {flops / 1e9:.0f} GFLOP/s (products of 100 x 100), {tanhs / 1e6:.0f} M tanh/s"
    return Table("distance to the limits of the machine", columns, rows, [note])


def red_noise(shape: tuple[int, ...]) -> np.ndarray:
    values = np.random.default_rng(1).normal(size=shape)
    for t in range(1, len(values)):
        values[t] += 0.7 * values[t - 1]
    return values


def logistic_map(shape: tuple[int, ...]) -> np.ndarray:
    values = np.random.default_rng(2).uniform(0.1, 0.9, shape)
    for t in range(1, len(values)):
        values[t] = 3.9 * values[t - 1] * (1 - values[t - 1])
    return values


def sines(shape: tuple[int, ...]) -> np.ndarray:
    phase = np.random.default_rng(3).uniform(0, 2 * np.pi, shape[1:])
    return np.sin(np.arange(shape[0])[:, None, None] + phase)


def baselines(quick: bool, laps: int) -> Table:
    """One step ahead on the second half of the record, trained on the first: when a network is worth it."""
    shape = (60, 2, 3) if quick else (400, 8, 8)
    rows = []
    for name, make in (("sine", sines), ("red noise, AR(1) = 0.7", red_noise), ("logistic map, r = 3.9", logistic_map)):
        da = xr.DataArray(make(shape), dims=("time", "lat", "lon"))
        half = shape[0] // 2
        errors = []
        for options in ({"model": "linear"}, {"model": "mlp", "epochs": 20 if quick else 1000}):
            fitted = neural.fit_per_cell(da[:half], lags=2, min_valid=10, **options)
            error = (neural.predict_per_cell(da, fitted) - da)[..., half:]
            errors.append(float(np.sqrt((error**2).mean())))
        persistence = float(np.sqrt((da.diff("time")[half - 1 :] ** 2).mean()))
        rows.append((name, persistence, *errors, errors[0] / errors[1]))
    columns = {
        "process": str,
        "persistence": "{:.3g}".format,
        'model="linear"': "{:.3g}".format,
        'model="mlp"': "{:.3g}".format,
        "linear / mlp": ratio,
    }
    return Table(
        "root mean square error one step ahead",
        columns,
        rows,
        ["2 lags; trained on the first half, tested on the other"],
    )


TABLES = [distance_to_the_limit, baselines]
