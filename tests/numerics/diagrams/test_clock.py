"""Diagrams in other clocks: against the curve's own conversion, level by level."""

import numpy as np
import pytest
from speciation.numerics import entropy_curve, phase_diagram, to_clock
from speciation.numerics.diagrams import DIAGRAMS, grid, in_clock, parse_axis
from speciation.theory import GaussianMixture, schedules


@pytest.mark.parametrize(
    "clock", [schedules.FlowMatching(3.0), schedules.by_name("flow-sit"), schedules.EDM()]
)
def test_rates_and_times_are_those_of_a_curve(clock):
    found = in_clock(phase_diagram("separation", 12, s=1), clock)
    assert (np.diff(found.time) > 0).all()
    column = found.isel(separation=7)
    m2 = float(column.separation) ** 2
    sigma = np.asarray(clock.sigma(column.time.values))
    curve = to_clock(entropy_curve(GaussianMixture.parse(f"binary:d=1,mu={m2**0.5:.17g},s=1"), sigma), clock)
    np.testing.assert_allclose(column.entropy, curve.entropy, rtol=1e-9)
    np.testing.assert_allclose(column.rate, np.abs(curve.rate_per_time), rtol=1e-9)
    # γ = M/(1 + σ²) = 1
    np.testing.assert_allclose(clock.sigma(column.curvature), np.sqrt(m2 - 1), rtol=1e-12)


def test_a_rate_in_another_clock_has_its_own_range():
    """The largest rate shown is one of OU time: in another clock it would cut off half of the map."""
    diagram = phase_diagram("separation", 12)
    diagram["rate"].attrs["contours"] = [0.1]
    rate = in_clock(diagram, schedules.Cosine())["rate"]
    assert "shown_to" in diagram["rate"].attrs
    assert set(rate.attrs) == set(diagram["rate"].attrs) - {"shown_to", "contours"}
    assert rate.attrs["units"] == "nats per unit of it"


def test_grids_over_sigma_and_of_two_parameters():
    axes = (parse_axis("mu=1:2", 3), parse_axis("sigma=0.5:5:log", 4))
    found = in_clock(grid("binary:d=8,mu=1,s=1", *axes), schedules.FlowMatching())
    np.testing.assert_allclose(found.time / (1 - found.time), np.geomspace(0.5, 5, 4), rtol=1e-12)
    axes = (parse_axis("mu=1:2", 2), parse_axis("t=0.1:1", 3))
    found = in_clock(grid("binary:d=8,mu=1,s=1", *axes), schedules.EDM())
    np.testing.assert_allclose(found.time, np.sqrt(np.expm1(2 * np.linspace(0.1, 1, 3))), rtol=1e-12)
    axes = (parse_axis("mu=1:2", 2), parse_axis("s=1:2", 2))
    times = grid("binary:d=8,mu=1,s=1", *axes)
    expected = np.sqrt(np.expm1(2 * times.ou_time.values))
    np.testing.assert_allclose(in_clock(times, schedules.EDM()).time, expected, rtol=1e-12)


@pytest.mark.slow
def test_those_without_times_say_so():
    for name, diagram in DIAGRAMS.items():
        if name == "guidance":  # slow; its axis is gamma
            assert "gamma" in diagram.clockless
            continue
        found = phase_diagram(name, 2)
        timed = {"ou_time"} & {*found.dims, *found.data_vars}
        assert bool(timed) != bool(diagram.clockless), name


def test_refuses_what_has_no_times_and_clocks_that_do_not_reach():
    with pytest.raises(ValueError, match="clock: prior has no axis of noise levels"):
        in_clock(phase_diagram("prior", 2), schedules.EDM())
    short = schedules.Table([0.99999, 0.9999])
    with pytest.raises(ValueError, match="where the diagram has no level"):
        in_clock(phase_diagram("separation", 3), short)
