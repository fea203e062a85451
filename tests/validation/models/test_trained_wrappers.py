"""Networks trained here on a mixture whose curve is known, wrapped in two lines: both estimators find it."""

import numpy as np
import pytest
import torch
from speciation.numerics import entropy_curve
from speciation.theory import GaussianMixture, schedules, window_sigmas
from speciation.validation import as_denoiser, check_denoiser, discrepancy_entropy, path_entropy
from torch import nn

NEAR = 0.15  # in log σ, of the exact peak


def exact_peak(mixture):
    return float(entropy_curve(mixture, window_sigmas(mixture, 64)).peak_per_log_sigma)


def trained(network, batch, steps, rate=2e-3):
    optimizer = torch.optim.Adam(network.parameters(), rate)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        optimizer.zero_grad()
        batch(torch.Generator().manual_seed(step)).backward()
        optimizer.step()
        falling.step()
    return network.train(False)


def both_find_the_peak(denoiser, mixture, shape, conditions):
    def sampler(condition, count, generator):
        drawn = mixture.sample(count, generator, mixture.labels[int(condition)])[0]
        return drawn.float().reshape(count, *shape)

    assert check_denoiser(denoiser, sampler, sigmas=(0.3, 1.0, 3.0)) == []
    grid, common = window_sigmas(mixture, 40), {"seed": 1, "dtype": torch.float32}
    by_data = discrepancy_entropy(denoiser, conditions, grid, sampler, samples=600, batch=200, **common)
    by_chains = path_entropy(denoiser, conditions, grid[::-1], shape, chains=600, batch=200, **common)
    expected = exact_peak(mixture)
    for curve in (by_data, by_chains):
        assert abs(np.log(float(curve.peak_per_log_sigma) / expected)) < NEAR, curve.attrs["method"]
    # mutant: the peak of the same classes half as far apart
    nearer = GaussianMixture(mixture.weights, mixture.means / 2, mixture.covariances)
    assert abs(np.log(float(by_data.peak_per_log_sigma) / exact_peak(nearer))) > NEAR


class Velocity(nn.Module):
    """A flow-matching network in the plane: v = ε − x₀ of (X, u, class), 3 for no class."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 + 1 + 4, 128), nn.SiLU(), nn.Linear(128, 128), nn.SiLU(), nn.Linear(128, 2)
        )

    def forward(self, x, u, label):
        odds = torch.log(u / (1 - u))[:, None] / 4
        one_hot = nn.functional.one_hot(label, 4)
        return self.layers(torch.cat([x, odds, one_hot], dim=1).float())


@pytest.mark.slow
@pytest.mark.long
def test_a_flow_matching_network():
    angles = 2 * np.pi * np.arange(3) / 3
    mixture = GaussianMixture(np.full(3, 1 / 3), 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1), 1.0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Velocity()

    def batch(generator):
        clean, label = mixture.sample(512, generator)
        noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
        sigma = torch.exp(1.5 * torch.randn(512, generator=generator, dtype=torch.float64) + 0.7)
        u = sigma / (1 + sigma)
        label = torch.where(torch.rand(512, generator=generator) < 0.2, 3, label)
        answer = network((1 - u)[:, None] * clean + u[:, None] * noise, u, label)
        return ((answer - (noise - clean).float()) ** 2).mean()

    denoiser = as_denoiser(trained(network, batch, 3000), "flow", labels=3, null=3)
    both_find_the_peak(denoiser, mixture, (2,), denoiser.conditions)


@pytest.mark.slow
def test_a_unet_of_diffusers():
    from diffusers import UNet2DModel

    rng = np.random.default_rng(0)
    mixture = GaussianMixture(np.full(3, 1 / 3), rng.standard_normal((3, 64)) / 2, 0.25)
    schedule = schedules.DDPM()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = UNet2DModel(
            sample_size=8, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(32, 32),
            norm_num_groups=8, num_class_embeds=4, down_block_types=("DownBlock2D", "AttnDownBlock2D"),
            up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        )  # fmt: skip
    sigmas = torch.as_tensor(schedule.sigma(np.arange(1, 1001)))

    def batch(generator):
        clean, label = mixture.sample(64, generator)
        clean = clean.reshape(64, 1, 8, 8)
        noise = torch.randn(clean.shape, generator=generator, dtype=torch.float64)
        step = torch.randint(1000, (64,), generator=generator)
        sigma = sigmas[step][:, None, None, None]
        label = torch.where(torch.rand(64, generator=generator) < 0.2, 3, label)
        given = ((clean + sigma * noise) / (1 + sigma**2).sqrt()).float()
        answer = network(given, step, class_labels=label).sample
        return ((answer - noise.float()) ** 2).mean()

    trained(network, batch, 1500)
    denoiser = as_denoiser(network, "epsilon", schedule, labels=3, null=3)
    both_find_the_peak(denoiser, mixture, (1, 8, 8), denoiser.conditions)
