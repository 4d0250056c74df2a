"""The losses of a kind are the parameters of the tests that it inherits."""

from distillation.golden import PRECISIONS, GoldenTests


def pytest_generate_tests(metafunc):
    kind = metafunc.cls
    if kind is None or not issubclass(kind, GoldenTests):
        return
    if "golden_name" in metafunc.fixturenames:
        metafunc.parametrize("golden_name", kind.golden)
        metafunc.parametrize(("dtype", "digits"), PRECISIONS)
    if "loss_name" in metafunc.fixturenames:
        metafunc.parametrize("loss_name", kind.losses)
