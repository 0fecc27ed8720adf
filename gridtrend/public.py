"""The one list of what is public.

The names that `gridtrend` and its rooms offer, the methods of `.gridtrend`, the names that `gridtrend precompile` knows, and
the tests of the documentation follow from it. Nothing is imported before a name is used.
"""

from importlib import import_module
from typing import Any

# Each name as users write it after `gridtrend.`, and the module that defines it. Names without a dot are functions of
# `gridtrend` itself, and of the room that defines them: `gridtrend.welch` is `gridtrend.spectral.welch`.
# After a change, `python .ci/derive.py` writes the stubs for type checkers, and docs/functions.md.
PUBLIC = {
    # Seasons, years and areas of a record
    "aggregate": "seasons",
    "analyze": "analysis",
    "anomalies": "seasons",
    "area_mean": "seasons",
    # Trends
    "as_percent": "trend.as_percent",
    "buishand": "trend.change_points",
    "cox_stuart": "trend.cox_stuart",
    "detrend": "trend.detrend",
    "field_significance": "trend.field_significance",
    "fitted": "trend.fitted",
    "kendall_tau": "trend.kendall_tau",
    "linear_trend": "trend.linear_trend",
    "mann_kendall": "trend.mann_kendall",
    "multivariate_mann_kendall": "trend.multivariate_mann_kendall",
    "partial_mann_kendall": "trend.partial_mann_kendall",
    "pettitt": "trend.change_points",
    "quantile_trend": "trend.quantile_trend",
    "regional_mann_kendall": "trend.regional_mann_kendall",
    "seasonal_mann_kendall": "trend.seasonal_mann_kendall",
    "siegel_slope": "trend.siegel_slope",
    "snht": "trend.change_points",
    "spearman_rho": "trend.spearman_rho",
    "theil_sen": "trend.theil_sen",
    "trend.minimum_detectable_trend": "trend.detectable_trend",
    # Spectra
    "band_power": "spectral",
    "coherence": "spectral",
    "cross_spectrum": "spectral",
    "harmonic": "spectral",
    "inverse_sliding_fft": "spectral",
    "red_noise": "spectral",
    "sliding_fft": "spectral",
    "spectrogram": "spectral",
    "welch": "spectral",
    # Files, and compiling ahead
    "open_grid": "io",
    "write": "io",
    "precompile": "ahead",
    # Boundary value problems
    "bvp.solve": "bvp",
    "bvp.solve_linear": "bvp",
    "bvp.steady_diffusion": "bvp",
    "bvp.with_variables": "bvp",
    # Initial value problems
    "ode.convergence_rate": "ode",
    "ode.energy_drift": "ode",
    "ode.integrate": "ode",
    # Small networks
    "neural.MLPClassifier": "neural",
    "neural.MLPRegressor": "neural",
    "neural.RNN": "neural",
    "neural.RNNParameters": "neural",
    "neural.Scaler": "neural",
    "neural.fit_mlp": "neural",
    "neural.fit_per_cell": "neural",
    "neural.fit_rnn": "neural",
    "neural.lagged": "neural",
    "neural.mlp_forward": "neural",
    "neural.mlp_gradients": "neural",
    "neural.predict_per_cell": "neural",
    "neural.rnn_forward": "neural",
    "neural.rnn_gradients": "neural",
    "neural.softmax": "neural",
    "neural.windows": "neural",
    # Pictures
    "plot.band_power_map": "plot",
    "plot.convergence_plot": "plot",
    "plot.spectrogram_plot": "plot",
    "plot.spectrum_plot": "plot",
    "trend_map": "plot",
}

# Modules that are names of `gridtrend`.
MODULES = ("accessor", "bvp", "neural", "ode", "seasons", "spectral", "trend")
# Rooms whose functions have kernels that can be compiled ahead, and those whose functions are methods of `.gridtrend`.
COMPILED = ("trend", "spectral", "bvp", "neural")
_METHODS = ("analysis", "seasons", "trend", "spectral")


def room(name: str) -> str:
    """The part of the package that defines a public name."""
    return PUBLIC[name].partition(".")[0]


def functions() -> list[str]:
    """Functions of `gridtrend` itself."""
    return [name for name in PUBLIC if "." not in name]


def names() -> list[str]:
    """All names of `gridtrend` itself, in order."""
    return sorted(["__version__", *MODULES, *functions()])


def methods() -> list[str]:
    """Functions of a record: the methods of `.gridtrend`."""
    return [name for name in functions() if room(name) in _METHODS]


def compiled() -> list[str]:
    """Names that may have kernels, room by room."""
    return [name for wanted in COMPILED for name in PUBLIC if room(name) == wanted]


def members(package: str) -> dict[str, str]:
    """What a room offers: its own names, in order, and the modules that define them."""
    modules = {name.rpartition(".")[2]: module for name, module in PUBLIC.items() if room(name) == package}
    return dict(sorted(modules.items()))


def load(name: str) -> Any:
    """What a public name stands for."""
    return getattr(import_module(f"gridtrend.{PUBLIC[name]}"), name.rpartition(".")[2])
