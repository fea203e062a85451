"""Anybody's network as a denoiser: every convention on the exact posterior mean of a mixture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, EDMEulerScheduler
from speciation.theory import GaussianMixture, schedules
from speciation.validation import as_denoiser, path_entropy
from speciation.validation.models.predictions import SAID

MIXTURE = GaussianMixture([0.2, 0.5, 0.3], np.random.default_rng(0).standard_normal((3, 4)), [0.3, 0.5, 1.0])
DDPM = schedules.DDPM()
ALPHAS = np.cumprod(1 - DDPM.betas)
ZERO_SNR = np.append(ALPHAS, 0.0)
DATA = 0.5


def exact(x, sigma, label):
    sigma = torch.as_tensor(sigma, dtype=torch.float64).reshape(-1)
    return MIXTURE.denoise(x, sigma, None if label is None else MIXTURE.labels[label])


class Tabled:
    """A scheduler of another library, as far as it is looked at."""

    alphas_cumprod = torch.as_tensor(ALPHAS)


class Said(Tabled):
    class config:  # noqa: N801
        prediction_type = "v_prediction"


def of_table(steps):
    """σ of a table's step, a fraction too, by log σ."""
    sigmas = np.sqrt((1 - ALPHAS) / ALPHAS)
    return torch.as_tensor(np.exp(np.interp(steps.numpy(), np.arange(1000), np.log(sigmas))))


# per convention: σ from the network's time, x from its input, its answer from D, x and σ
ROWS = {
    "epsilon": (of_table, lambda X, s: X * (1 + s**2).sqrt(), lambda D, x, s: (x - D) / s),
    "v": (
        of_table,
        lambda X, s: X * (1 + s**2).sqrt(),
        lambda D, x, s: ((x - D) / s - s * D) / (1 + s**2).sqrt(),
    ),
    "sample": (of_table, lambda X, s: X * (1 + s**2).sqrt(), lambda D, x, s: D),
    "flow": (lambda u: u / (1 - u), lambda X, s: X * (1 + s), lambda D, x, s: (x - D) / s - D),
    "sit": (lambda t: (1 - t) / t, lambda X, s: X * (1 + s), lambda D, x, s: D - (x - D) / s),
    "edm": (
        lambda c: torch.exp(4 * c),
        lambda X, s: X * (s**2 + DATA**2).sqrt(),
        lambda D, x, s: (D - DATA**2 / (s**2 + DATA**2) * x) * (s**2 + DATA**2).sqrt() / (s * DATA),
    ),
    "edm-v": (
        lambda c: torch.exp(4 * c),
        lambda X, s: X * (s**2 + DATA**2).sqrt(),
        lambda D, x, s: -(D - DATA**2 / (s**2 + DATA**2) * x) * (s**2 + DATA**2).sqrt() / (s * DATA),
    ),
}
SCHEDULES = {"table": DDPM, "array": ALPHAS, "object": Tabled(), "zero SNR": ZERO_SNR}


def network_of(prediction, changed=1.0):
    sigma_of, x_of, answer_of = ROWS[prediction]

    def network(given, time, label=None):
        s = changed * sigma_of(time).double()[:, None]
        x = x_of(given.double(), s)
        own = None if label is None or int(label[0]) == 3 else int(label[0])
        return answer_of(exact(x, s, own), x, s).to(given)

    return network


def cases():
    for prediction in ROWS:
        for name, schedule in SCHEDULES.items() if prediction in ("epsilon", "v", "sample") else [("", None)]:
            yield pytest.param(prediction, schedule, id=f"{prediction} {name}")


@pytest.mark.parametrize(("prediction", "schedule"), [*cases()])
def test_the_exact_mean_comes_back(prediction, schedule):
    """At ten σ from the table's first to its last, with and without a class, to 1e-6."""
    denoiser = as_denoiser(network_of(prediction), prediction, schedule, labels=["0", "1", "2"], null=3)
    wrong = as_denoiser(network_of(prediction, 1.02), prediction, schedule, labels=3, null=3)
    ends = DDPM.sigma(np.array([1, 1000])) if schedule is not None else (0.01, 80.0)
    x = torch.asarray(np.random.default_rng(1).standard_normal((6, 4)))
    missed = 0.0
    for sigma in np.geomspace(*ends, 10):
        noisy = x + sigma * torch.flip(x, (0,))
        for condition, number in ((None, None), ("1", 1)):
            expected = exact(noisy, sigma, number)
            np.testing.assert_allclose(denoiser(noisy, sigma, condition), expected, rtol=1e-6, atol=1e-6)
            missed = max(missed, float((wrong(noisy, sigma, condition) - expected).abs().max()))
    assert missed > 1e-3  # mutant: a network at a noise level 2 % off


def test_levels_of_a_batch_gradients_precision_and_mode():
    inner = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.5)).train()
    inner[1].train(False)

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = inner

        def forward(self, x, time):
            assert not self.inner.training
            return self.inner(x)

    network = Network().train()
    inner[1].train(False)
    denoiser = as_denoiser(network, "epsilon", DDPM)
    x = torch.randn(3, 4, generator=torch.Generator().manual_seed(0), requires_grad=True)
    each = denoiser(x, torch.tensor([0.1, 1.0, 10.0]), None)
    np.testing.assert_allclose(each[1].detach(), denoiser(x[1:2], 1.0, None)[0].detach(), atol=1e-6)
    each.sum().backward()
    assert x.grad is not None
    assert inner[0].weight.grad is not None
    assert network.training
    assert inner[0].training
    assert not inner[1].training
    moved = denoiser.to(torch.float64)
    assert moved(x.detach(), 1.0, None).dtype == torch.float32
    assert moved.digest() != as_denoiser(Network().double(), "v", DDPM).digest()


def test_answers_of_other_libraries():
    class Output:
        def __init__(self, sample):
            self.sample = sample

    x = torch.ones(2, 3, 4, 4)
    plain = as_denoiser(lambda x, t: x / 2, "epsilon", DDPM)(x, 1.0, None)
    for network in (
        lambda x, t: Output(x / 2),
        lambda x, t: (x / 2,),
        lambda x, t: torch.cat([x / 2, x], dim=1),  # a learned variance
    ):
        np.testing.assert_array_equal(as_denoiser(network, "epsilon", DDPM)(x, 1.0, None), plain)


def test_functions_that_nothing_tells_apart_have_no_digest():
    assert as_denoiser(lambda x, t: x, "flow").digest() == ""
    assert as_denoiser(torch.nn.Identity(), "flow", time=lambda s: s).digest() == ""
    assert as_denoiser(of_table, "flow").digest() != as_denoiser(network_of, "flow").digest()
    with pytest.raises(ValueError, match="denoiser: nothing identifies it in a folder"):
        path_entropy(
            as_denoiser(lambda x, t, c: x, "flow", labels=2), ["0", "1"], [2.0, 1.0], (4,), folder=Path("f")
        )


def test_a_clock_of_whole_numbers():
    asked = as_denoiser(lambda x, t: x * (t.dtype == torch.int64), "flow", time=lambda s: s.long())
    assert float(asked(torch.ones(1, 2), 3.0, None).abs().sum()) < 2
    assert as_denoiser(abs, "flow", labels=np.int64(3)).conditions == ("0", "1", "2")


def test_estimators_take_it():
    denoiser = as_denoiser(network_of("v"), "v", DDPM, labels=3)
    assert not denoiser.has_null
    curve = path_entropy(
        denoiser, denoiser.conditions, DDPM.sigma(np.array([900, 500, 200, 50])), (4,), chains=8
    )
    assert np.isfinite(curve.entropy).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: as_denoiser(abs, "noise", DDPM), "prediction: 'noise' is not one of epsilon, v, sample"),
        (lambda: as_denoiser(abs, "epsilon"), "schedule: a network that predicts epsilon needs one"),
        (lambda: as_denoiser(abs, "v", schedules.EDM()), "schedule: v needs a variance-preserving one"),
        (lambda: as_denoiser(abs, "v", "ddpm"), "schedule: need one of speciation.theory.schedules"),
        (lambda: as_denoiser(abs, "v", [0.1, 0.5]), "schedule: alphas_cumprod must be one falling row"),
        (
            lambda: as_denoiser(abs, "epsilon", Said()),
            "prediction: the scheduler says 'v_prediction', not epsilon",
        ),
        (lambda: as_denoiser(abs, "flow", ALPHAS), "schedule: flow takes none"),
        (lambda: as_denoiser(abs, "flow", labels=3, null=1), "null: 1 is the number of class '1'"),
        (lambda: as_denoiser(abs, "flow", labels=["a", "a"]), "labels: two classes have the same name"),
        (lambda: as_denoiser(abs, "flow", labels="ab"), "labels: need a number of classes"),
        (lambda: as_denoiser(abs, "flow", null=3), "null: needs a network with classes"),
        (lambda: as_denoiser(abs, "flow")(torch.ones(1, 2), 0.0, None), "sigma: must be > 0"),
        (
            lambda: as_denoiser(abs, "flow")(torch.ones(1, 2), 1.0, "a"),
            "condition: 'a', and this network has",
        ),
        (
            lambda: as_denoiser(network_of("flow"), "flow", labels=3)(torch.ones(1, 4), 1.0, None),
            "condition: this network has no answer without a class",
        ),
        (
            lambda: as_denoiser(network_of("v"), "v", DDPM, labels=3)(torch.ones(1, 4), 200.0, "1"),
            "sigma: 200 is outside of the model's 0.01",
        ),
        (
            lambda: as_denoiser(lambda x, t: x[:, :1], "flow")(torch.ones(1, 4), 2.0, None),
            r"network: answers in shape \(1, 1\) to \(1, 4\), at sigma 2.0 and condition None",
        ),
        (
            lambda: as_denoiser(lambda x, t: 1.0, "flow")(torch.ones(1, 4), 2.0, None),
            "network: answers with float",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("step", [0, 37, 500, 999])
def test_the_clean_sample_is_that_of_diffusers(prediction, step):
    """`pred_original_sample` of its DDIM step, whose state is √ᾱ (x₀ + σz)."""
    scheduler = DDIMScheduler(prediction_type=prediction, clip_sample=False, set_alpha_to_one=False)
    scheduler.set_timesteps(1000)
    generator = torch.Generator().manual_seed(step)
    answer, x = (torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    alpha = float(scheduler.alphas_cumprod[step])
    sigma = float(np.sqrt((1 - alpha) / alpha))
    expected = scheduler.step(answer, step, np.sqrt(alpha) * x).pred_original_sample
    asked = []
    own = as_denoiser(lambda given, time: asked.append(time) or answer, SAID[prediction], scheduler)
    np.testing.assert_allclose(own(x, sigma), expected, rtol=1e-5, atol=1e-5)
    assert float(asked[0][0]) == pytest.approx(step, abs=1e-3)
    if prediction != "sample":  # mutant: another level
        assert float((own(x, 1.02 * min(sigma, 100.0), None) - expected).abs().max()) > 1e-4


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_edm_is_that_of_diffusers(prediction):
    scheduler = EDMEulerScheduler(prediction_type=prediction)  # which computes in single precision
    generator = torch.Generator().manual_seed(0)
    answer, x = (torch.randn(2, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    row = {"epsilon": "edm", "v_prediction": "edm-v"}[prediction]
    for sigma in (0.01, 0.5, 30.0):
        given = []
        own = as_denoiser(lambda X, time, given=given: given.append((X, time)) or answer, row)(x, sigma)
        level = torch.tensor(sigma, dtype=torch.float64)
        np.testing.assert_allclose(own, scheduler.precondition_outputs(x, answer, level), rtol=1e-6)
        # mutant: another width of the data
        wrong = as_denoiser(lambda X, time: answer, row, sigma_data=0.51)(x, sigma)
        assert float((wrong - scheduler.precondition_outputs(x, answer, level)).abs().max()) > 1e-5
        np.testing.assert_allclose(given[0][0], scheduler.precondition_inputs(x, level), rtol=1e-6)
        np.testing.assert_allclose(given[0][1][0], scheduler.precondition_noise(level), rtol=1e-6)
