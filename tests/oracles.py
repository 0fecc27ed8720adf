"""Series with published or independently computed answers (`oracles.json`, with their sources)."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TABLE = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Oracle:
    """One series and its answers, named as gridtrend names its outputs."""

    name: str
    y: np.ndarray
    t: np.ndarray
    expected: dict
    rtol: float

    def __str__(self):
        return self.name


def oracle(name):
    entry = TABLE["series"][name]
    y = np.array(entry["y"], dtype=float)
    t = np.array(entry.get("t", range(y.size)), dtype=float)
    return Oracle(name, y, t, entry["expected"], entry.get("rtol", 1e-12))


SERIES = [oracle(name) for name in TABLE["series"]]
SEED = oracle("wilks_a2_ithaca_january_precipitation")
EXACT_NULL = [(int(n), int(s), p) for n, tail in TABLE["exact_null"].items() if n.isdigit() for s, p in tail.items()]
