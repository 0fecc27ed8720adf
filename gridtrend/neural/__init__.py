"""Small networks, recurrent and layered, on plain arrays; and one for each cell of a grid.

Recurrent networks stand in `recurrent` and `rnn`, layered ones in `layered` and `estimators`, cells in `cells`.
"""

from gridtrend.neural.cells import fit_per_cell, predict_per_cell
from gridtrend.neural.estimators import MLPClassifier, MLPRegressor
from gridtrend.neural.layered import fit_mlp, mlp_forward, mlp_gradients, softmax
from gridtrend.neural.recurrent import fit_rnn, rnn_forward, rnn_gradients
from gridtrend.neural.recurrent_network import RNNParameters
from gridtrend.neural.rnn import RNN
from gridtrend.neural.windows import Scaler, lagged, windows

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
