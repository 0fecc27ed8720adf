"""Side-by-side timings of gridtrend and its peers, and how they grow: `python -m benchmarks trend`.

Thread pools read these variables when they start, so they are pinned before numpy is imported.
"""

import os

for pool in ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR"):
    os.environ[f"{pool}_NUM_THREADS"] = "1"
