"""Measure what settings from a curve buy: `python docs/measure_settings.py oracle|adaptive|embedded`.

oracle     two points at ±1: chains on each grid against T23, guided ones against the equation of T12
adaptive   guidance until the posterior is p (T20) against fixed intervals of γ, by chains of small steps
embedded   digits or fashion: grids, unequal priors, intervals and adaptive guidance, by a held-out classifier

Each writes a table into `docs/results`; `make_figures.py` draws them.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import torch
import typer
from scipy import special
from scipy.spatial import distance
from sklearn.decomposition import PCA
from sklearn.model_selection import cross_val_score
from sklearn.svm import SVC
from speciation.numerics import entropy_curve
from speciation.numerics.fokker_planck import guided_odds
from speciation.numerics.monte_carlo.reverse import spread_of, step_down
from speciation.theory import GaussianMixture
from speciation.validation import discrepancy_entropy
from speciation.validation._support.torch_randomness import generator_of
from speciation.validation.control.grids import bias_of, class_grids, path_kl
from speciation.validation.control.information import ClassInformation, information_of
from speciation.validation.control.settings import window
from speciation.validation.denoiser import answers
from speciation.validation.models.digits_model import digits_images, load_digits_model
from speciation.validation.models.fashion_model import fashion_images, load_fashion_model

RESULTS = Path(__file__).parent / "results"
RARE = 0.2
GUIDANCE = 3.0
ENDS = {"oracle": (0.2, 80.0), "digits": (0.02, 80.0), "fashion": (0.02, 80.0)}

program = typer.Typer(add_completion=False)


@program.command()
def oracle(chains: int = 100_000) -> None:
    """Path KL, law of the class, minority bias and guided cross-entropy of two points, for N levels."""
    curve = entropy_curve(GaussianMixture.parse("binary:d=1,mu=1,s=0"), np.geomspace(0.15, 200, 240))
    known, rows = information_of(curve), []
    low, high = ENDS["oracle"]
    exact = float(guided_odds([1.0], GUIDANCE).cross_entropy[0])
    for steps in (8, 16, 32, 64):
        # two points are all of the image: ε² = σ² dH/d log σ
        grids = class_grids(known, steps, (low, high), 0.1, lambda s: s**2 * known.slope_at(s))
        for name, sigma in grids.items():
            gamma = sigma**-2.0
            rows.append(
                {"grid": name, "steps": steps}
                | {"path_kl_predicted": path_kl(known, sigma), "bias_predicted": bias_of(known, sigma, RARE)}
                | _path_kl(gamma, chains, steps)
                | {"class_kl": _class_kl(gamma)}
                | _ends(gamma, chains, steps)
                | {"guided_exact": exact}
            )
    write(rows, "settings-oracle.csv")


def _steps(gamma: np.ndarray, odds: np.ndarray, rng: np.random.Generator, omega: float) -> np.ndarray:
    """Half log-odds at the last γ, of chains from the first."""
    for span in np.diff(gamma):
        drift = omega + (1 - omega) * np.tanh(odds)
        odds = odds + drift * span + np.sqrt(span) * rng.standard_normal(odds.size)
    return odds


def _path_kl(gamma: np.ndarray, chains: int, seed: int) -> dict[str, float]:
    """Mean log-ratio of the exact run's law to the chain's, over exact runs."""
    rng = np.random.default_rng(seed)
    own = rng.choice([-1.0, 1.0], chains)
    odds = gamma[0] * own + np.sqrt(gamma[0]) * rng.standard_normal(chains)
    ratio = np.zeros(chains)
    for span in np.diff(gamma):
        after = odds + own * span + np.sqrt(span) * rng.standard_normal(chains)
        to = [-((after - odds - each * span) ** 2) / (2 * span) for each in (1.0, -1.0, np.tanh(odds))]
        log_p = -np.logaddexp(0, -2 * odds), -np.logaddexp(0, 2 * odds)
        ratio += np.logaddexp(log_p[0] + to[0], log_p[1] + to[1]) - to[2]
        odds = after
    return {"path_kl": ratio.mean(), "path_kl_se": ratio.std() / np.sqrt(chains)}


def _class_kl(gamma: np.ndarray) -> float:
    """KL of the chain's last half log-odds, of which the class is read, from those of the exact run."""
    width = 0.04
    # spans too short for the grid come where the law is still as good as exact
    gamma = gamma[max(int(np.argmax(np.diff(gamma) > (4 * width) ** 2)), 0) :]
    odds = np.arange(-gamma[-1] - 9 * gamma[-1] ** 0.5, gamma[-1] + 9 * gamma[-1] ** 0.5, width)

    def exact(g: float) -> np.ndarray:
        both = [np.exp(-((odds - sign * g) ** 2) / (2 * g)) for sign in (1, -1)]
        return (both[0] + both[1]) / np.sqrt(8 * np.pi * g)

    # the first step is taken from the exact law, which is too narrow for the grid
    span = gamma[1] - gamma[0]
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    law = np.zeros(odds.size)
    for sign in (1.0, -1.0):
        for node, weight in zip(nodes, weights, strict=True):
            start = sign * gamma[0] + np.sqrt(gamma[0]) * node
            centre = start + np.tanh(start) * span
            law += weight / 2 * np.exp(-((odds - centre) ** 2) / (2 * span)) / np.sqrt(2 * np.pi * span)
    for span in np.diff(gamma)[1:]:
        law = _moved(law, odds, float(span), width)
    other = exact(gamma[-1])
    kept = (other > 1e-250) & (law > 1e-250)
    return float((other[kept] * np.log(other[kept] / law[kept])).sum() * width)


def _moved(law: np.ndarray, odds: np.ndarray, span: float, width: float) -> np.ndarray:
    """The law a step later, by Gauss's rule over a window of the normal kernel."""
    found = np.empty(odds.size)
    centre = odds + np.tanh(odds) * span
    reach = 9 * np.sqrt(span)
    for first in range(0, odds.size, 256):
        own = slice(first, min(first + 256, odds.size))
        near = np.flatnonzero((centre > odds[own][0] - reach) & (centre < odds[own][-1] + reach))
        kernel = np.exp(-((odds[own][:, None] - centre[near]) ** 2) / (2 * span))
        found[own] = kernel @ law[near] * width / np.sqrt(2 * np.pi * span)
    return found


def _ends(gamma: np.ndarray, chains: int, seed: int) -> dict[str, float]:
    """Where unguided chains of unequal weights end, and how decided guided ones are."""
    rng = np.random.default_rng([seed, 1])
    start = np.full(chains, 0.5 * special.logit(RARE))
    p = special.expit(2 * _steps(np.concatenate([[0.0], gamma[1:]]), start, rng, 0.0))
    upper = np.concatenate([[0.0], gamma[1:][gamma[1:] < 1], [1.0]])  # cross-entropies are of σ = 1
    guided = np.logaddexp(0, -2 * _steps(upper, 0 * start, rng, GUIDANCE))
    root = np.sqrt(chains)
    return {
        "bias": p.mean() - RARE,
        "bias_se": p.std() / root,
        "guided": guided.mean(),
        "guided_se": guided.std() / root,
    }


@program.command()
def adaptive(chains: int = 40_000, span: float = 0.01, end: float = 16.0) -> None:
    """Share of the runs and of γ that are guided, against the cross-entropy, by rule."""
    rules: dict[str, Any] = {}
    for p in (0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999):
        level = 0.5 * special.logit(p)
        rules[f"whenever below p = {p:g}"] = lambda g, odds, level=level: odds < level
        rules[f"until p = {p:g}"] = level
    for last in (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0):
        rules[f"gamma < {last:g}"] = lambda g, odds, last=last: np.full(odds.size, g < last)
    for first in (0.5, 1.0, 2.0):
        rules[f"{first:g} <= gamma < {2 * first:g}"] = lambda g, odds, first=first: np.full(
            odds.size, first <= g < 2 * first
        )
    rules["always"] = lambda g, odds: np.full(odds.size, True)
    rules["never"] = lambda g, odds: np.full(odds.size, False)
    rows = [{"rule": name} | _ruled(rule, chains, span, end) for name, rule in rules.items()]
    write(rows, "settings-adaptive.csv")


def _ruled(rule: Any, chains: int, span: float, end: float) -> dict:
    """Runs guided where a rule says so, or for a number until half log-odds reach it for the first time.

    γ spent on guidance, cross-entropy at γ = 1 and 4, and how far the half log-odds are ahead at the end.
    """
    rng = np.random.default_rng(5)
    odds, spent, found = np.zeros(chains), np.zeros(chains), dict[str, float]()
    undecided = np.full(chains, True)
    for step in range(round(end / span)):
        if callable(rule):
            guided = rule(step * span, odds)
        else:
            undecided &= odds < rule
            guided = undecided
        spent += span * guided
        drift = np.where(guided, GUIDANCE + (1 - GUIDANCE) * np.tanh(odds), 1.0)
        odds = odds + drift * span + np.sqrt(span) * rng.standard_normal(chains)
        gamma = (step + 1) * span
        if min(abs(gamma - each) for each in (1.0, 4.0)) < span / 2:
            surprise, name = np.logaddexp(0, -2 * odds), f"{gamma:.0f}"
            found |= {f"surprise_at_{name}": surprise.mean()}
            found |= {f"surprise_at_{name}_se": surprise.std() / np.sqrt(chains)}
    found |= {"shift": odds.mean() - end, "shift_se": odds.std() / np.sqrt(chains)}
    return found | {"guided_gamma": spent.mean(), "guided_gamma_se": spent.std() / np.sqrt(chains)}


class Judge:
    """A classifier and features that the model knows nothing of, with what they say of held-out images."""

    def __init__(self, train: tuple[Any, Any], held: tuple[Any, Any], folds: int = 0) -> None:
        (pixels, labels), (own, own_labels) = (
            (np.asarray(x).reshape(len(x), -1), y) for x, y in (train, held)
        )
        self.classifier = SVC(C=5.0, gamma="scale").fit(pixels, labels)
        scored = cross_val_score(self.classifier, pixels, labels, cv=folds) if folds else None
        self.accuracy = float(self.classifier.score(own, own_labels) if scored is None else np.mean(scored))
        self.features = PCA(20, random_state=0).fit(pixels)
        self.held = self.features.transform(own)
        self.within = distance.pdist(self.held).mean()

    def says(self, samples: np.ndarray) -> np.ndarray:
        """Labels."""
        return self.classifier.predict(samples.reshape(len(samples), -1))

    def far(self, samples: np.ndarray) -> tuple[float, float]:
        """Energy distance from the held-out images (unbiased), with the error of a bootstrap of samples."""
        found = self.features.transform(samples.reshape(len(samples), -1))
        across = distance.cdist(found, self.held).mean(1)
        own = distance.squareform(distance.pdist(found))
        rng, values = np.random.default_rng(0), list[float]()
        for draw in range(200):
            count = (
                np.ones(len(found))
                if draw == 0
                else np.bincount(rng.integers(0, len(found), len(found)), minlength=len(found))
            )
            pairs = count @ own @ count / (count.sum() ** 2 - (count**2).sum())
            values.append(2 * count @ across / count.sum() - pairs - self.within)
        return values[0], float(np.std(values[1:]))


def _subject(model: str) -> tuple[Any, tuple[int, ...], Judge, Any]:
    if model == "digits":
        train, held = digits_images()
        judge = Judge((train.pixels, train.labels), (held.pixels, held.labels))
        return load_digits_model(), (1, 8, 8), judge, held
    images = fashion_images()
    denoiser = load_fashion_model()
    pixels = images.sample(denoiser.conditions[0], 1, generator_of(0, 0))
    names = [c for c in denoiser.conditions for _ in range(40)]
    drawn = [images.sample(c, 40, generator_of(1, i)) for i, c in enumerate(denoiser.conditions)]
    every = torch.cat(drawn)
    judge = Judge((every, np.array(names)), (every, np.array(names)), folds=5)
    return denoiser, tuple(pixels.shape[1:]), judge, images


@program.command()
def embedded(
    model: Annotated[str, typer.Argument()] = "digits", chains: int = 200, most: int = 16, budget: int = 32
) -> None:
    """Samples of a trained model on each grid and with each rule of guidance, judged apart."""
    torch.set_num_threads(1)
    denoiser, shape, judge, held = _subject(model)
    known, error = _measured(denoiser, held, model)
    places = window(known)
    write([{"sigma": s, "error": e, "rate": known.slope_at(s), "entropy": known.entropy_at(s)}
           for s, e in zip(*error, strict=True)], f"settings-{model}-curve.csv")  # fmt: skip
    every, rows = _runs(known, error, places, ENDS[model], most, budget), []
    for index, (what, sigma, rule) in enumerate(every):
        own, samples, spent = _sample(denoiser, shape, sigma, rule, chains, index)
        right = judge.says(samples) == np.array(own, dtype=judge.classifier.classes_.dtype)
        far, far_se = judge.far(samples)
        share = right.mean()
        rows.append(
            {"model": model, "classifier_accuracy": judge.accuracy, **what, "steps": len(sigma)}
            | {
                "chains": chains,
                "evaluations": spent,
                "share": share,
                "share_se": _error_of_share(share, chains),
            }
            | {"distance": far, "distance_se": far_se}
        )
        print(rows[-1], flush=True)
        write(rows, f"settings-{model}.csv")


def _error_of_share(share: float, chains: int) -> float:
    """Agresti and Coull's, which is not zero where every sample is right."""
    near = (share * chains + 2) / (chains + 4)
    return float(np.sqrt(near * (1 - near) / (chains + 4)))


def _runs(
    known: ClassInformation, error: Any, places: dict, ends: tuple[float, float], most: int, budget: int
) -> list[tuple[dict, np.ndarray, Callable[[float, np.ndarray], np.ndarray]]]:
    """Grids without guidance for N levels; then rules of guidance at about the same number of evaluations."""
    found: list[Any] = []
    for steps in (4, 8, 16, 32):
        if steps <= most:
            own = lambda s: np.exp(np.interp(np.log(s), np.log(error[0]), np.log(error[1])))  # noqa: E731
            for name, sigma in class_grids(known, steps, ends, 0.1, own).items():
                found.append(({"grid": name, "rule": "none"}, sigma, lambda s, p: np.zeros(p.size, bool)))
    low, high = places["q05"], places["q95"]
    intervals = {
        "everywhere": (0.0, np.inf),
        "window": (low, high),
        "above": (high, np.inf),
        "below": (0.0, low),
    }
    for name, (first, last) in intervals.items():
        sigma = _levels(lambda s, first=first, last=last: ((s > first) & (s <= last)).sum(), budget, ends)
        rule = lambda s, p, first=first, last=last: np.full(p.size, first < s <= last)  # noqa: E731
        found.append(({"grid": "karras", "rule": name}, sigma, rule))
    for p in (0.9, 0.99):
        # about what T20 says: guided until decided; the number of evaluations is measured
        sigma = _levels(lambda s: (s > (low * high) ** 0.5).sum(), budget, ends)
        rule = lambda s, q, p=p: q < p  # noqa: E731
        found.append(({"grid": "karras", "rule": f"until p = {p:g}"}, sigma, rule))
    return found


def _levels(guided: Callable[[np.ndarray], int], budget: int, ends: tuple[float, float]) -> np.ndarray:
    """The longest of Karras's grids whose levels and guided levels are together within the budget."""
    from speciation.theory import schedules

    best = np.array([])
    for steps in range(4, budget + 1):
        sigma = np.asarray(schedules.karras(steps, *ends).sigma(np.arange(steps)))[::-1]
        if steps + guided(sigma) <= budget:
            best = sigma
    return best


def _measured(denoiser: Any, held: Any, model: str) -> tuple[ClassInformation, tuple[np.ndarray, np.ndarray]]:
    """The curve of all ten classes on held-out images, and the unconditional denoiser's error there."""
    levels = np.geomspace(0.08, 20.0, 16)
    samples = 60 if model == "digits" else 20
    curve = discrepancy_entropy(
        denoiser, denoiser.conditions, levels, held.sample, posterior="path", samples=samples, batch=samples,
        dtype=torch.float32,
    )  # fmt: skip
    places, errors, generator = np.geomspace(0.02, 80.0, 16), [], generator_of(3, 0)
    clean = torch.cat([held.sample(c, 8, generator) for c in denoiser.conditions])
    for sigma in places:
        noised = clean + float(sigma) * torch.randn(clean.shape, generator=generator)
        with torch.inference_mode():
            answer = denoiser(noised, float(sigma), None)
        errors.append(float(((answer - clean) ** 2).flatten(1).sum(1).mean()))
    return information_of(curve), (places, np.array(errors))


def _sample(
    denoiser: Any, shape: tuple[int, ...], sigma: np.ndarray, rule: Any, chains: int, seed: int
) -> tuple[list[str], np.ndarray, float]:
    """Classes, samples and evaluations a chain, of ancestral sampling with a rule of guidance.

    The posterior of a chain's own class is carried along against the unconditional network while it is
    guided: once it is not, there is nothing to tell, and a rule that asks for the posterior has stopped.
    """
    generator, k = generator_of(seed, 7), len(denoiser.conditions)
    own = [denoiser.conditions[i % k] for i in range(chains)]
    x = float(sigma[0]) * torch.randn((chains, *shape), generator=generator)
    log_p, spent = np.full(chains, -np.log(k)), np.zeros(chains)
    for place, level in enumerate(sigma):
        lower = float(sigma[place + 1]) if place + 1 < len(sigma) else 0.0
        guided = rule(float(level), np.exp(np.minimum(log_p, 0.0)))
        with torch.inference_mode():
            each = _both(denoiser, x, float(level), own, guided)
        weight = torch.as_tensor(np.where(guided, GUIDANCE, 1.0)).float().reshape(-1, *[1] * len(shape))
        target = weight * each[0] + (1 - weight) * each[1]
        spent += 1 + guided
        if lower == 0.0:
            x = target
            break
        noise = torch.randn(x.shape, generator=generator)
        scale = float((1 - (lower / level) ** 2) / spread_of(float(level), lower))
        toward = [(scale * (each[i] - target)).flatten(1) for i in (0, 1)]
        flat = noise.flatten(1)
        gain = [(t * (flat - t / 2)).sum(1).double().numpy() for t in toward]
        log_p += np.where(guided, gain[0] - gain[1], 0.0)
        x = step_down(x, target, float(level), lower, noise)
    return own, x.numpy(), float(spent.mean())


def _both(denoiser: Any, x: torch.Tensor, sigma: float, own: list[str], guided: np.ndarray) -> Any:
    """What the denoiser says of each chain's class, and of none where a chain is guided."""
    conditional = answers(denoiser, x, sigma, [own])[:, 0]
    other = conditional.clone()
    if guided.any():
        other[guided] = denoiser(x[guided], sigma, None)
    return conditional, other


@program.command()
def priors(model: Annotated[str, typer.Argument()] = "digits", chains: int = 600) -> None:
    """How often a class of weight 0.2 comes out of unguided chains that carry their posterior along."""
    torch.set_num_threads(1)
    denoiser, shape, judge, held = _subject(model)
    pair = ("3", "8") if model == "digits" else ("pullover", "boot")
    curve = discrepancy_entropy(denoiser, pair, np.geomspace(0.1, 20.0, 14), held.sample, posterior="path",
                                samples=100, batch=100, dtype=torch.float32)  # fmt: skip
    known, rows = information_of(curve), []
    for steps in (8, 16):
        grids = class_grids(known, steps, ENDS[model], 0.1)
        for name in ("class-optimal", "equal-entropy", "karras", "log-uniform"):
            p, said = _unguided(denoiser, shape, grids[name], pair, chains, judge, steps)
            rows.append(
                {"model": model, "pair": " ".join(pair), "grid": name, "steps": steps}
                | {"predicted": bias_of(known, grids[name], RARE)}
                | {"bias": p.mean() - RARE, "bias_se": p.std() / np.sqrt(chains)}
                | {"classified": said.mean() - RARE, "classified_se": said.std() / np.sqrt(chains)}
            )
            print(rows[-1], flush=True)
            write(rows, f"settings-{model}-priors.csv")


def _unguided(
    denoiser: Any, shape: Any, sigma: np.ndarray, pair: Any, chains: int, judge: Judge, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The last posterior of the rarer class, and whether the classifier sees it."""
    generator = generator_of(seed, 11)
    x = float(sigma[0]) * torch.randn((chains, *shape), generator=generator)
    odds, log_prior = np.zeros(chains), special.logit(RARE)
    for place, level in enumerate(sigma):
        lower = float(sigma[place + 1]) if place + 1 < len(sigma) else 0.0
        with torch.inference_mode():
            each = answers(denoiser, x, float(level), [[c] * chains for c in pair])
        p = torch.as_tensor(special.expit(odds + log_prior)).float().reshape(-1, *[1] * len(shape))
        target = p * each[:, 0] + (1 - p) * each[:, 1]
        if lower == 0.0:
            x = target
            break
        noise = torch.randn(x.shape, generator=generator)
        scale = float((1 - (lower / level) ** 2) / spread_of(float(level), lower))
        toward = [(scale * (each[:, i] - target)).flatten(1) for i in (0, 1)]
        gain = [(t * (noise.flatten(1) - t / 2)).sum(1).double().numpy() for t in toward]
        odds = odds + gain[0] - gain[1]
        x = step_down(x, target, float(level), lower, noise)
    said = judge.says(x.numpy()) == np.array(pair[0], dtype=judge.classifier.classes_.dtype)
    return special.expit(odds + log_prior), said.astype(float)


def write(rows: list[dict], name: str) -> None:
    """A table of rows, to six digits."""
    RESULTS.mkdir(exist_ok=True)
    pd.DataFrame(rows).to_csv(RESULTS / name, index=False, float_format="%.6g")


if __name__ == "__main__":
    program()
