"""One of a closed set of names."""

import numpy as np
import pytest
from speciation.theory._support.choices import one_of


def test_the_choice_comes_back_as_it_stands_in_the_set():
    assert one_of("b", "x", ("a", "b")) == "b"
    assert one_of(np.str_("a"), "x", {"a": 1, "b": 2}) == "a"


@pytest.mark.parametrize("value", ["c", "", "A", None, 1, ["a"], np.array(["a", "b"]), np.array("a")])
def test_refuses_what_is_none_of_them(value):
    with pytest.raises(ValueError, match=r"^x: [^\n]* is not one of a, b$"):
        one_of(value, "x", ("a", "b"))
