import inspect
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from speciation import validation
from speciation.theory import GaussianMixture
from speciation.validation import MixtureDenoiser, path_entropy
from speciation.validation.estimators.work import FORMER_NAMES, Work, WorkOptions
from speciation.validation.measurement.methods import METHODS, Estimator

MIXTURE = GaussianMixture.parse("binary:d=2,mu=1,s=1")
PATH = (MixtureDenoiser(MIXTURE), MIXTURE.labels, [8.0, 2.0, 0.5], (2,))
PUBLIC = (
    "path_entropy", "discrepancy_entropy", "pair_entropies", "clone_agreement_curve", "commitment_curve",
)  # fmt: skip


def test_options_are_the_fields_of_work():
    names = {field.name for field in fields(Work)}
    assert set(get_type_hints(WorkOptions)) == names | FORMER_NAMES.keys()


@pytest.mark.parametrize("name", PUBLIC)
def test_signatures_show_every_keyword(name):
    parameters = inspect.signature(getattr(validation, name)).parameters
    for field in fields(Work):
        assert parameters[field.name].kind is inspect.Parameter.KEYWORD_ONLY
        assert parameters[field.name].default == field.default
    assert not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())


def test_former_names_are_taken(tmp_path):
    now = path_entropy(*PATH, samples=6, batch=3, seed=4, resume=tmp_path / "a", name="mine")
    then = path_entropy(*PATH, chains=6, batch=3, seed=4, folder=str(tmp_path / "b"), name="mine")
    assert now.identical(then)
    written = [{each.name: each.read_bytes() for each in (tmp_path / side).iterdir()} for side in "ab"]
    assert len(written[0]) == 3
    assert written[0] == written[1]


def test_bad_work_is_refused(tmp_path):
    with pytest.raises(TypeError, match=r"unexpected keyword argument 'sead'; did you mean 'seed'\?$"):
        path_entropy(*PATH, sead=1)
    for name, value in (("samples", 4.5), ("samples", float("nan")), ("batch", 2.5), ("chains", True)):
        said = "samples" if name == "chains" else name
        with pytest.raises(ValueError, match=rf"^{said}: must be a whole number, not"):
            path_entropy(*PATH, **{name: value})
    with pytest.raises(ValueError, match=r"^chains: is the former name of samples"):
        path_entropy(*PATH, chains=6, samples=50)
    with pytest.raises(ValueError, match=r"^device: 'abacus' is not a device of torch"):
        path_entropy(*PATH, device="abacus")
    assert Work.of({"folder": None, "resume": "somewhere"}).resume == Path("somewhere")
    with pytest.raises(ValueError, match=r"^batch: must be at least 1, not 0"):
        path_entropy(*PATH, batch=0)
    with pytest.raises(ValueError, match=r"^folder: is the former name of resume"):
        Work.of({"folder": tmp_path, "resume": tmp_path})
    assert Work.of({"resume": "somewhere"}).resume == Path("somewhere")


def test_every_estimator_is_named_where_users_look(root, run):
    assert get_args(Estimator) == tuple(METHODS)
    said = " ".join(run("measure", "--help")[1].replace("│", " ").split())
    page = (root / "docs" / "site" / "how-to" / "measure.md").read_text()
    for name, method in METHODS.items():
        assert f'"{name}"' in (inspect.getdoc(validation.measure) or "")
        assert f"{name}: {method.about.split()[0]}" in said
        assert name in page
