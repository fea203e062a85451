"""Conditions of a batch in one evaluation: the same answers as one after another, and fewer of them."""

import pytest
import torch
from speciation.theory import schedules
from speciation.validation import as_denoiser
from speciation.validation.denoiser import ROWS, answers, by_condition
from speciation.validation.models.digits_model import load_digits_model
from speciation.validation.models.edm import EDM2Denoiser
from speciation.validation.models.halving_batches import frugal


class Counting(torch.nn.Module):
    """x less a number of its own for each class, and how many rows each call had."""

    def __init__(self):
        super().__init__()
        self.rows = []

    def forward(self, x, time, label):
        self.rows.append(len(x))
        return x * (1 + label[:, None]) + time.reshape(-1, 1) / 1000


@pytest.fixture
def wrapped():
    network = Counting()
    denoiser = as_denoiser(network, "epsilon", schedules.DDPM(), labels=4, null=4)
    denoiser.per_sample(torch.ones(2, 3), 1.0, ["0", "1"])  # finds out once whether the network heeds labels
    network.rows.clear()
    return denoiser, network


def one_by_one(denoiser, x, sigma, columns):
    return torch.stack([by_condition(denoiser, x, sigma, column) for column in columns], 1)


def test_columns_are_the_conditions_in_their_order(wrapped):
    denoiser, network = wrapped
    x = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    columns = [["0", "3", "1", "1", "2"], [None] * 5, ["2"] * 5]
    expected = one_by_one(denoiser, x, 0.7, columns)
    network.rows.clear()
    found = answers(denoiser, x, 0.7, columns)
    assert network.rows == [15]
    assert found.shape == (5, 3, 3)
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-14)
    assert (found[:, 0] - found[:, 1]).abs().min() > 1e-3  # conditions matter here


def test_a_batch_is_never_outgrown_beyond_the_limit(wrapped):
    denoiser, network = wrapped
    for batch, expected in ((ROWS // 2, [ROWS, ROWS // 2]), (ROWS + 1, [ROWS + 1] * 3)):
        network.rows.clear()
        answers(denoiser, torch.ones(batch, 2), 1.0, [["0"] * batch, ["1"] * batch, [None] * batch])
        assert network.rows == expected


def test_a_denoiser_without_it_is_asked_one_condition_after_another():
    asked = []

    def denoiser(x, sigma, condition):
        asked.append((condition, len(x)))
        return x * len(str(condition))

    x = torch.ones(3, 1)
    found = answers(denoiser, x, 1.0, [["a", "bb", "a"], [None] * 3])
    assert found[:, :, 0].tolist() == [[1, 4], [2, 4], [1, 4]]
    assert asked == [("a", 2), ("bb", 1), (None, 3)]


def test_a_network_that_takes_a_batch_to_be_of_one_class_is_asked_so():
    """`label[0]` in a network of one's own was right as long as classes were asked one after another."""
    rows = []

    def network(x, time, label):
        rows.append(len(x))
        return x * (1 + int(label[0]))

    denoiser = as_denoiser(network, "epsilon", schedules.DDPM(), labels=4, null=4)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(3))
    columns = [["0", "3", "1", "1"], [None] * 4]
    torch.testing.assert_close(answers(denoiser, x, 0.7, columns), one_by_one(denoiser, x, 0.7, columns))
    rows.clear()
    answers(denoiser, x, 0.7, columns)
    assert sorted(rows) == [1, 1, 2, 4]


def test_halved_batches_keep_their_conditions(wrapped):
    denoiser, network = wrapped
    forward = network.forward

    def limited(x, time, label):
        if len(x) > 4:
            raise torch.OutOfMemoryError
        return forward(x, time, label)

    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
    columns = [["0", "1", "2", "3", "0", "1"], [None] * 6]
    expected = answers(denoiser, x, 2.0, columns)
    network.forward = limited
    notes = []
    torch.testing.assert_close(answers(frugal(denoiser, notes.append), x, 2.0, columns), expected)
    assert notes
    assert max(network.rows[1:]) <= 4


def test_the_digits_network_with_and_without_a_reference():
    denoiser = load_digits_model()
    x = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    columns = [[str(k) for k in (3, 8, 0, 3, 9, 1)], [None] * 6]
    torch.testing.assert_close(
        answers(denoiser, x, 1.5, columns), one_by_one(denoiser, x, 1.5, columns), rtol=1e-5, atol=1e-5
    )
    apart = EDM2Denoiser(denoiser.network, load_digits_model().network)
    torch.testing.assert_close(
        answers(apart, x, 1.5, columns), one_by_one(denoiser, x, 1.5, columns), rtol=1e-5, atol=1e-5
    )
    with pytest.raises(ValueError, match="condition: '12' is not a class number from 0 to 9"):
        answers(denoiser, x, 1.5, [["12"] * 6])
