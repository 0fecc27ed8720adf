"""The worked examples of docs/ode.md run, and give the answers that are known."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from tests.reference_ode import energy_balance

PAGE = Path(__file__).parents[1] / "docs" / "ode.md"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the page defines, once all of its code has run."""
    if not PAGE.exists():
        pytest.skip("docs are not at hand")
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    namespace = {"__name__": "page"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("page"))
        for number, block in enumerate(blocks):
            exec(compile(block, f"ode.md block {number}", "exec"), namespace)  # noqa: S102
    return namespace


def test_rates_of_the_class_exercise(names):
    assert names["rates"].rate.values.round(2).tolist() == [1.0, 1.0, 2.0, 2.0]
    assert names["run"].theta.dims == ("t", "lat", "lon")
    assert (names["run"].status == 0).all()


def test_the_energy_balance_of_two_layers_is_exact(names):
    found = names["warming"].sel(scenario="quadrupling")
    np.testing.assert_allclose(found.surface, [3.45435472, 4.25311499, 4.77549245], atol=5e-9)
    np.testing.assert_allclose(found.deep, [0.15948637, 1.46135337, 2.77071976], atol=5e-9)
    exact = [energy_balance((7.3, 106.0, 0.73, 1.13, 6.9), t) for t in (10.0, 70.0, 150.0)]
    np.testing.assert_allclose(np.stack([found.surface, found.deep], 1), exact, rtol=1e-13)


def test_an_inertial_oscillation_grows_or_keeps_its_speed(names):
    grows, keeps = (np.hypot(names[run].u, names[run].v)[0] for run in ("growing", "kept"))
    np.testing.assert_allclose(grows, (1 + (600 * names["coriolis"]) ** 2) ** 72, rtol=1e-12)
    np.testing.assert_allclose(keeps, 1.0, atol=1e-12)


def test_the_bucket_follows_its_rain_exactly(names):
    water, k = 20.0, 5.0 / 150.0
    for day in range(30):
        equilibrium = names["amount"][day, 1, 2] / k
        water = equilibrium + (water - equilibrium) * math.exp(-k)
    assert float(names["soil"].water[1, 1, 2]) == pytest.approx(water, rel=1e-12)
    assert names["trend"].p_value.shape == (2, 3)


def test_the_mean_of_red_noise_decays(names):
    assert float(names["memory"].anomaly[0]) == pytest.approx(math.exp(-1 / 3), rel=1e-14)


def test_mixing_keeps_its_sum(names):
    assert float(names["mixed"].temperature.sum()) == pytest.approx(5.0, rel=1e-12)


def test_a_pulse_is_seen_with_a_longest_step(names):
    assert float(names["seen"].height[0]) == pytest.approx(1.0, abs=1e-3)
