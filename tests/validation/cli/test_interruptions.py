"""A signal that tells a command to end is heeded, even where its exception is lost."""

import pytest
from speciation.validation.cli import common


@pytest.mark.parametrize("quiet", [False, True])
def test_a_lost_interruption_stops_at_the_next_step(quiet, monkeypatch):
    """Python drops exceptions of callbacks that the garbage collector makes, such as JAX's."""
    monkeypatch.setattr(common, "told", [])
    with common.sampling_progress(quiet) as progress:
        progress(1, 3)
        common.told.append(2)
        with pytest.raises(KeyboardInterrupt):
            progress(2, 3)
