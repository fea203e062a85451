"""The embedded model: its size, its card, what it learnt, and training that repeats and resumes."""

import csv
import json

import numpy as np
import pytest
import torch
from speciation.validation import load_digits_model, log_scale_test
from speciation.validation.models.digits_model import WEIGHTS, configuration, digits_images
from speciation.validation.models.edm import EDM2, Configuration
from speciation.validation.models.edm.training import (
    Settings,
    TrainingRun,
    average_exponent,
    denoising_loss,
    train,
)
from speciation.validation.train_digits import main

TINY = Configuration(8, 1, 10, 8, (1,), 1, (), 8)


def test_weights_are_small_and_the_card_is_theirs():
    assert WEIGHTS.stat().st_size <= 4e6
    network = load_digits_model().network
    assert network.configuration == configuration()
    count = sum(parameter.numel() for parameter in network.parameters())
    card = WEIGHTS.with_suffix(".md").read_text()
    assert f"{count:,} parameters" in card
    assert f"| data's standard deviation σ_d | {network.configuration.sigma_data} |" in card


def test_the_held_out_images_are_a_fifth_and_are_not_trained_on():
    images, held_out = digits_images()
    assert len(images.pixels) + len(held_out.pixels) == 1797
    assert len(held_out.pixels) == pytest.approx(1797 / 5, abs=10)
    assert set(held_out.labels.tolist()) == set(range(10))
    large = digits_images(16)[1]
    assert large.pixels.shape[1:] == (1, 16, 16)
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large.pixels, 2), held_out.pixels)
    with pytest.raises(ValueError, match="multiple of 8"):
        digits_images(12)


def test_the_model_knows_held_out_digits_and_their_labels():
    network, (_, held_out) = load_digits_model().network, digits_images()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(held_out.pixels.shape, generator=generator)
    one_hot = torch.nn.functional.one_hot(held_out.labels, 10).float()
    with torch.no_grad():
        for level in (0.3, 1.0, 2.0):
            sigma = torch.full((len(noise),), level)
            named, wrong, unnamed = (
                float(denoising_loss(network, held_out.pixels, sigma, noise, labels).mean())
                for labels in (one_hot, one_hot.roll(1, 1), torch.zeros_like(one_hot))
            )
            assert named < unnamed < wrong
            # what a linear estimate of independent pixels would leave is one
            assert named < 0.5


@pytest.mark.slow
def test_the_loss_of_an_untrained_network_is_one():
    """`D = c_skip x` is the best linear estimate of Gaussian data, and λ weighs its error to one at every σ.

    400,000 squares of normal numbers: six standard errors are 1.4 %, false alarms below 1e-8.
    """
    network = EDM2(TINY).train(False)
    generator = torch.Generator().manual_seed(0)
    clean, noise = torch.randn(2, 6250, 1, 8, 8, generator=generator)
    labels = torch.zeros(6250, 10)
    for level in (0.1, 0.5, 3.0):
        sigma = torch.full((6250,), level)
        with torch.no_grad():
            loss = denoising_loss(network, 0.5 * clean, sigma, noise, labels).mean()
            # mutant: data of another width
            other = denoising_loss(network, 0.55 * clean, sigma, noise, labels).mean()
        assert float(loss) == pytest.approx(1, abs=0.014)
        assert level < 0.3 or float(other) > 1.014


def test_training_repeats_resumes_and_refuses_another_run(tmp_path):
    images, held_out = digits_images()
    data = (images.pixels, images.labels)
    aside = (held_out.pixels, held_out.labels)

    def run(settings, **options):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return train(EDM2(TINY), *data, settings, aside, every=2, **options)

    settings = Settings(steps=6, batch=8)
    whole = run(settings)

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(settings, resume=tmp_path, progress=stop)
    resumed = run(settings, resume=tmp_path)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert whole.history == resumed.history
    assert [step for step, _, _ in whole.history] == [2, 4, 6]
    # mutant: another seed gives other weights
    other = run(Settings(steps=6, batch=8, seed=1)).network.state_dict()
    assert not torch.equal(other["unet.out_gain"], whole.network.state_dict()["unet.out_gain"])
    with pytest.raises(ValueError, match="another training run"):
        run(Settings(steps=6, batch=8, seed=1), resume=tmp_path)


@pytest.mark.slow
def test_a_run_goes_on_under_another_length_until_either_is_annealed(tmp_path):
    """To the bits of the run that had that length from the first; later it is refused."""
    images, held_out = digits_images()
    data, aside = (images.pixels, images.labels), (held_out.pixels, held_out.labels)

    def run(steps, **options):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            settings = Settings(steps=steps, batch=8, anneal=0.5)
            return train(EDM2(TINY), *data, settings, aside, every=1, **options)

    def stop_at(last):
        def progress(done, total):
            if done == last:
                raise KeyboardInterrupt

        return progress

    with pytest.raises(KeyboardInterrupt):
        run(12, resume=tmp_path, progress=stop_at(4))
    # mutant: of 6 steps those after the third are annealed
    with pytest.raises(ValueError, match="another training run"):
        run(6, resume=tmp_path)
    went_on, whole, longer = run(8, resume=tmp_path), run(8), run(12)
    assert whole.history == went_on.history != longer.history[:8]
    assert whole.history[:4] == longer.history[:4]
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, went_on.network.state_dict()[name]), name


def test_the_rate_falls_to_zero_over_the_annealed_steps():
    settings = Settings(steps=200, batch=1, anneal=0.5, decay_after=1000)
    training = TrainingRun(EDM2(TINY), settings)
    rates = []
    for training.step in range(settings.steps):
        rates.append(training._rate())
    assert rates[99] == settings.learning_rate
    assert rates[149] == pytest.approx(settings.learning_rate * 0.51)
    assert rates[-1] == pytest.approx(settings.learning_rate / 100)


def test_width_of_the_average_is_the_one_asked_for():
    """The power function's own mean and standard deviation, from its weights t^γ."""
    for width in (0.05, 0.1, 0.2):
        time = np.linspace(0, 1, 400_001)
        weight = time ** average_exponent(width)
        weight /= weight.sum()
        mean = (weight * time).sum()
        assert np.sqrt((weight * (time - mean) ** 2).sum()) == pytest.approx(width, rel=1e-4)
    with pytest.raises(ValueError, match="average_width"):
        average_exponent(0.3)


@pytest.mark.slow
def test_the_script_writes_weights_card_and_pictures(tmp_path):
    main(tmp_path, steps=2, side=8, batch=4, quiet=True, seed=3)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {
        "state",
        "digits.safetensors",
        "digits.json",
        "digits.md",
        "training.png",
        "samples.png",
        "manifest.json",
    }
    about = json.loads((tmp_path / "digits.json").read_text())
    assert about["settings"]["seed"] == 3
    assert "| 2 |" in (tmp_path / "digits.md").read_text()


@pytest.mark.slow
def test_all_pairs_are_swept_and_tested_on_the_log_scale(run_json, tmp_path):
    summary = run_json(
        "measure", "digits", "--classes", "all", "--samples", "120", "--levels", "10", "--batch", "60",
        "--out", tmp_path,
    )  # fmt: skip
    assert len(summary["pairs"]) == 45
    # 24 paths a pair are few: what has no peak is left out, and said
    assert summary["log_scale_test"]["pairs"] + len(summary["without_peak"]) == 45
    assert f"{len(summary['without_peak'])} of 45 pairs have no peak" in summary["sentence"]
    assert summary["evaluations"] == 120 * 10 * 10
    written = {path.name for path in tmp_path.iterdir()}
    results = {"pairs.csv", "curves.csv", "curves.nc", "log-scale.png", "summary.json"}
    assert written == {"blocks", "manifest.json", *results}


@pytest.mark.slow
def test_a_short_measurement_agrees_with_the_published_one(root, run_json):
    """Median and closure of one pair; each drawn from the same images, so within 5 standard errors."""
    with (root / "docs" / "results" / "digits-pairs.csv").open() as stream:
        published = next(row for row in csv.DictReader(stream) if row["pair"] == "0,1")
    summary = run_json("measure", "digits", "--classes", "0,1", "--samples", "256")
    error = np.hypot(summary["closure_se"], float(published["closure_se"]))
    assert abs(summary["closure"] - float(published["closure"])) < 5 * error
    assert abs(np.log(summary["median_sigma"] / float(published["median_sigma"]))) < 0.3
    # mutant: a pair that is decided elsewhere
    assert abs(np.log(summary["median_sigma"] / 1.05)) > 0.3


def test_published_pairs_give_the_published_line(root):
    results = root / "docs" / "results"
    with (results / "digits-pairs.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 45
    columns = {key: np.array([float(row[key]) for row in rows]) for key in rows[0] if key != "pair"}
    test = log_scale_test(
        columns["predicted_peak_per_log_sigma"],
        columns["peak_per_log_sigma"],
        columns["predicted_window_width"],
        measured_error=np.log(columns["peak_per_log_sigma_high"] / columns["peak_per_log_sigma_low"]) / 3.92,
        classes=np.array([row["pair"].split(",") for row in rows]),
    )
    published = json.loads((results / "digits-pairs.json").read_text())["log_scale_test"]
    for key, value in published.items():
        assert test[key] == pytest.approx(value, rel=1e-6)
    assert test["correlation"] >= 0.9
    assert test["absolute_residual"] <= 0.25


def table(root, name):
    with (root / "docs" / "results" / name).open() as stream:
        return list(csv.DictReader(stream))


def test_published_guidance_follows_the_gamma_clock(root):
    """Chains of weight 1 and more; the surprise of unguided ones has a long tail."""
    rows = table(root, "digits-guidance.csv")
    assert {row["guidance"] for row in rows} == {"0", "1", "2", "4"}
    for row in rows:
        if float(row["guidance"]) >= 1:
            assert abs(float(row["measured"]) - float(row["predicted"])) < 0.06
    # mutant: what is measured at one weight is not what is predicted at another
    at = {w: {r["sigma"]: r for r in rows if r["guidance"] == w and r["high"] == "inf"} for w in ("2", "4")}
    other = [abs(float(at["2"][s]["measured"]) - float(at["4"][s]["predicted"])) for s in at["2"]]
    assert max(other) > 0.15


def test_published_scaling_is_half_the_logarithm_of_the_dimension(root):
    """Slope of log σ_½ on ½ log d over three resolutions: 1 to a tenth, and not that of ¼ log d."""
    rows = table(root, "digits-scaling.csv")
    for pair in ("0,3", "0,8", "3,8"):
        mine = [row for row in rows if row["pair"] == pair]
        x = [0.5 * np.log(float(row["dimension"])) for row in mine]
        slope = np.polyfit(x, np.log([float(row["median_sigma"]) for row in mine]), 1)[0]
        assert slope == pytest.approx(1, abs=0.1)


@pytest.mark.slow
def test_scaling_of_networks_trained_here():
    """The same at 8 and 16 pixels, trained for a fifth of the time: within a third of ½ log 4."""
    from speciation.validation import pair_entropies
    from speciation.validation.models.edm import EDM2Denoiser
    from speciation.validation.train_digits import settings_for, train_digits

    medians = []
    for side in (8, 16):
        network = train_digits(settings_for(side, steps=300, batch=64), side).network
        sigma = np.geomspace(0.3, 15, 20) * side / 8
        found = pair_entropies(
            EDM2Denoiser(network), ["0", "3"], sigma, digits_images(side)[1].sample, samples=400, batch=100
        )
        medians.append(float(found.median_sigma[0]))
    assert np.log(medians[1] / medians[0]) == pytest.approx(0.5 * np.log(4), abs=0.23)
