import pytest
from checked_shapes import shapes_checked


@pytest.fixture(autouse=True, scope="module")
def shapes():
    """The estimators' own tests check the shapes of their arrays."""
    with shapes_checked():
        yield
