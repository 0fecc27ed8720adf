"""Small networks, recurrent and layered, on plain arrays; and one for each cell of a grid.

`mlp_functions` and `rnn_functions` work on plain arrays, `mlp_estimators` and `rnn_estimator` are classes with fit and predict,
`mlp_network` and `rnn_network` compute losses and gradients, and `per_cell` trains a network in every cell.
"""

from gridtrend.neural.mlp_estimators import MLPClassifier, MLPRegressor
from gridtrend.neural.mlp_functions import fit_mlp, mlp_forward, mlp_gradients, softmax
from gridtrend.neural.per_cell import fit_per_cell, predict_per_cell
from gridtrend.neural.rnn_estimator import RNN
from gridtrend.neural.rnn_functions import fit_rnn, rnn_forward, rnn_gradients
from gridtrend.neural.rnn_network import RNNParameters
from gridtrend.neural.samples import Scaler, lagged, windows

__all__ = [
    "RNN",
    "MLPClassifier",
    "MLPRegressor",
    "RNNParameters",
    "Scaler",
    "fit_mlp",
    "fit_per_cell",
    "fit_rnn",
    "lagged",
    "mlp_forward",
    "mlp_gradients",
    "predict_per_cell",
    "rnn_forward",
    "rnn_gradients",
    "softmax",
    "windows",
]
