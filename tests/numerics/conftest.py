import pytest
from checked_shapes import shapes_checked


@pytest.fixture(autouse=True, scope="module")
def shapes():
    """The tests of this floor check the shapes of its arrays."""
    with shapes_checked():
        yield
