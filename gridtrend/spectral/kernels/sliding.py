"""The sliding transform: the spectrum of a window from that of the window one sample earlier.

O(bins) for each sample, where a transform takes O(bins log bins) for each window: faster if windows move by a few samples.
"""

import numpy as np

from gridtrend.engine.jit import assign
from gridtrend.engine.kernel import kernel
from gridtrend.engine.output import Output


@kernel(
    "(time,cell),(wide,cell),(wide,cell),(wide),(wide),(taps),(bins)",
    "ddddddd",
    Output("power", "sum of the power of all windows of {data}", dims=("bins",)),
)
def sliding_power(y, real, imaginary, cosine, sine, taps, start, hop: int, count: int, out):
    """Sum of the power of windows that move by `hop` samples.

    `real` and `imaginary` are the transform of the first window without a taper, at `wide` frequencies: those wanted, and
    (taps - 1) / 2 more on either side, with which the taper, a sum of as many cosines, is applied to transforms instead of
    samples. `cosine` and `sine` turn each by one sample.
    """
    (power,) = out
    wide, n_taps, bins = cosine.size, taps.size, start.size
    length = y.shape[0] - (count - 1) * hop
    re, im, total = np.empty(wide), np.empty(wide), np.empty(bins)
    for cell in range(y.shape[1]):
        for k in range(wide):
            re[k] = real[k, cell]
            im[k] = imaginary[k, cell]
        assign(total, start)
        for window in range(count):
            if window > 0:
                for t in range((window - 1) * hop, window * hop):
                    step = y[t + length, cell] - y[t, cell]
                    for k in range(wide):
                        a = re[k] + step
                        b = im[k]
                        re[k] = a * cosine[k] - b * sine[k]
                        im[k] = a * sine[k] + b * cosine[k]
            if n_taps == 1:
                for k in range(bins):
                    total[k] += re[k] * re[k] + im[k] * im[k]
            else:
                for k in range(bins):
                    a = 0.0
                    b = 0.0
                    for j in range(n_taps):
                        a += taps[j] * re[k + j]
                        b += taps[j] * im[k + j]
                    total[k] += a * a + b * b
        for k in range(bins):
            power[k, cell] = total[k]
