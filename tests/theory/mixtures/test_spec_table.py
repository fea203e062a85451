"""The table of SPEC parameters in the documentation, against the families themselves."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from speciation.theory import GaussianMixture
from speciation.theory.mixtures.families import FAMILIES

PAGE = Path(__file__).parents[3] / "docs" / "site" / "formats.md"
ROWS = re.findall(
    r"^\| (.+?) \| `(\w+)` \| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
)


def test_every_parameter_has_a_row_and_no_other():
    expected = {(family, key) for family, (_, keys, more) in FAMILIES.items() for key in (*keys, *more)}
    found = {(family.strip("`"), key) for family, key, *_ in ROWS if family != "all"}
    found |= {(family, key) for every, key, *_ in ROWS if every == "all" for family in FAMILIES}
    assert found == expected
    assert all(unit in ("1", "of σ", "of σ²") for *_, unit in ROWS)


@pytest.mark.parametrize("family", FAMILIES)
def test_units_are_those_of_the_code(family):
    """Data twice as large: what has the unit of σ doubles, and of σ² is four times as large."""
    chosen = {"d": 4, "K": 3, "mu": 0.7, "s": 0.3, "w": 0.2, "M": 2.0, "A": 3.0, "B": 0.5}
    chosen |= {"lambda1": 0.2, "lambda2": 3.0}
    units = {(name.strip("`"), key): unit for name, key, _, unit in ROWS} | {(family, "d"): "1"}
    keys = [key for group in FAMILIES[family][1:] for key in group]
    factor = {"1": 1, "of σ": 2, "of σ²": 4}
    specs = [
        f"{family}:" + ",".join(f"{key}={chosen[key] * scale(key)}" for key in keys)
        for scale in (lambda key: 1, lambda key: factor[units[family, key]])
    ]
    one, two = map(GaussianMixture.parse, specs)
    np.testing.assert_allclose(two.means, 2 * one.means)
    np.testing.assert_allclose(two.weights, one.weights)
    for k in range(one.classes):
        small, large = one.covariance_of(k), two.covariance_of(k)
        np.testing.assert_allclose(large.parts()[0], 4 * small.parts()[0])


def test_meanings_are_those_of_the_code():
    binary = GaussianMixture.parse("binary:d=9,mu=2,s=0.5,w=0.3")
    assert binary.weights[0] == 0.3
    assert np.linalg.norm(binary.means[0] - binary.means[1]) == pytest.approx(2 * 2 * 3)
    assert binary.isotropic_variance == pytest.approx(0.25)
    orthogonal = GaussianMixture.parse("orthogonal:K=3,d=4,M=5,s=1")
    assert (orthogonal.means**2).sum(axis=1) == pytest.approx(5)
    assert np.linalg.norm(orthogonal.means[0] - orthogonal.means[1]) == pytest.approx(np.sqrt(10))
    tree = GaussianMixture.parse("hierarchy:d=4,A=3,B=2,s=1").means
    assert np.linalg.norm(tree[0] - tree[2]) == pytest.approx(2 * np.sqrt(3))
    assert np.linalg.norm(tree[0] - tree[1]) == pytest.approx(2 * np.sqrt(2))
    scales = GaussianMixture.parse("scales:d=4,lambda1=0.2,lambda2=3")
    assert [float(scales.covariance_of(k).variances) for k in (0, 1)] == [0.2, 3.0]


def test_the_file_in_the_documentation_is_read(tmp_path):
    """Its partition says something: each group holds some of the classes."""
    block = re.search(r"```json\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert block is not None
    path = tmp_path / "mixture.json"
    path.write_text(json.dumps(json.loads(block[1])))
    partition = GaussianMixture.parse(str(path)).partition
    assert partition is not None
    assert len(partition) > 1
