import pytest
from checked_shapes import shapes_checked, shapes_unchecked

_WHOLE = ("cli", "verification")  # what goes through every room, whose own tests check them


@pytest.fixture(autouse=True, scope="module")
def shapes(request):
    """The tests of this floor's rooms check the shapes of its arrays."""
    with shapes_unchecked() if request.path.parent.name in _WHOLE else shapes_checked():
        yield
