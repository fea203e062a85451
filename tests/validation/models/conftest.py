"""Networks written as the published implementations write them, for tests of what reads them."""

import pickle
import sys
import types

import pytest
import torch

# published names of the classes here
CLASSES = {
    "EDM2": "Precond", "Convolution": "MPConv", "Fourier": "MPFourier", "ResampledConvolution": "Conv2d",
    "Block": "UNetBlock",
}  # fmt: skip
PRECONDITIONERS = {"EDM": "EDMPrecond", "VP": "VPPrecond", "VE": "VEPrecond", "iDDPM": "iDDPMPrecond"}


class Persistent:
    """Pickles as the published objects do: a call with a dictionary that holds source code."""

    def __init__(self, class_name, state):
        self.class_name, self.state = class_name, state

    def __reduce__(self):
        function = sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj
        source = "raise SystemExit('executed')"
        about = {"type": "class", "version": 6, "module_src": source}
        return function, ({**about, "class_name": self.class_name, "state": self.state},)


@pytest.fixture
def persistent(monkeypatch):
    """`persistent(class_name, state)`, with the name that published files refer to there for writing them."""
    module = types.ModuleType("torch_utils.persistence")
    exec(  # noqa: S102 (a function whose module and name are those published)
        "def _reconstruct_persistent_obj(meta): raise SystemExit('executed')", module.__dict__
    )
    module._reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    monkeypatch.setitem(sys.modules, "torch_utils", types.ModuleType("torch_utils"))
    monkeypatch.setitem(sys.modules, "torch_utils.persistence", module)
    return Persistent


@pytest.fixture
def published(persistent):
    """`published(network, arguments, **changes)`: what is pickled of a network, `changes` in its state."""

    def convert(network):
        children = {k: convert(child) for k, child in network._modules.items() if child is not None}
        if isinstance(network, torch.nn.ModuleDict):
            kept = torch.nn.ModuleDict()
            kept.__dict__["_modules"] = children
            return kept
        unread = ("configuration", "dtype", "_c")
        state = {key: value for key, value in network.__dict__.items() if key not in unread}
        kind = type(network).__name__
        if kind == "EDM":
            kind = PRECONDITIONERS[network.configuration.preconditioning]
        return persistent(CLASSES.get(kind, kind), state | {"_modules": children})

    def call(network, arguments=None, **changes):
        found = convert(network.requires_grad_(False))
        if arguments is not None:
            found.state["_init_kwargs"] = dict(arguments)
        found.state |= changes
        return found

    return call


@pytest.fixture
def write(published):
    """`write(path, network, arguments, protocol=4, beside={}, **changes)`: a checkpoint of a network."""

    def call(path, network, arguments, protocol=4, beside=None, **changes):
        content = {**(beside or {"encoder": None}), "ema": published(network, arguments, **changes)}
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        return path

    return call
