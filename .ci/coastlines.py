"""Make gridtrend/plot/coastlines.npz from Natural Earth: `python .ci/coastlines.py world-atlas-2.0.2.tgz`.

Natural Earth (public domain, https://www.naturalearthdata.com) at 1:110 and 1:50 million, as the npm package `world-atlas`
(ISC licence) carries it: `npm pack world-atlas` writes the archive. A topology's arcs that two countries share are borders, the
others are coasts. Lines are stored at a hundredth of a degree as differences of int16, which wrap around on purpose.
"""

import json
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np

TARGET = Path(__file__).resolve().parents[1] / "gridtrend/plot/coastlines.npz"
ORIGIN = "Natural Earth, public domain, from the npm package world-atlas"


def main(archive):
    """Write the arrays."""
    arrays = {"origin": np.array(f"{ORIGIN}: {Path(archive).name}")}
    with tarfile.open(archive) as files:
        for scale in (110, 50):
            topology = json.load(files.extractfile(f"package/countries-{scale}m.json"))
            for name, lines in zip(("coasts", "borders"), _lines(topology), strict=True):
                points = np.concatenate(lines)
                arrays[f"{name}_{scale}"] = np.diff(points, axis=0, prepend=np.int16([[0, 0]])).T
                arrays[f"{name}_{scale}_sizes"] = np.array([len(line) for line in lines], np.int16)
    np.savez_compressed(TARGET, **arrays)


def _lines(topology):
    """Return the coasts and the borders, each a list of arrays (point, 2) in hundredths of degrees."""
    uses = Counter()
    for country in topology["objects"]["countries"]["geometries"]:
        uses.update({arc if arc >= 0 else ~arc for arc in _flat(country.get("arcs", []))})
    scale, start = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    kinds = [[], []]
    for number, arc in enumerate(topology["arcs"]):
        points = np.round(100 * (np.cumsum(arc, axis=0) * scale + start)).astype(np.int16)
        moved = np.append(True, (np.diff(points, axis=0) != 0).any(axis=1))
        kinds[uses[number] > 1] += _real(points[moved])
    return kinds


def _real(points):
    """Split a line at the sides of the flat map, which are cuts and no coasts."""
    edge = (np.abs(points[:, 0]) >= 17999) | (points[:, 1] <= -8999)
    cut = np.flatnonzero(edge[:-1] & edge[1:]) + 1
    return [part for part in np.split(points, cut) if len(part) > 1]


def _flat(arcs):
    for arc in arcs:
        if isinstance(arc, list):
            yield from _flat(arc)
        else:
            yield arc


if __name__ == "__main__":
    main(sys.argv[1])
