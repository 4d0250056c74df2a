"""What ``make quick`` leaves out: training, browser, processes, and files of tests that take more than a second or two.

Files are left out before they are read, since reading all of them takes a third of the time.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
KINDS = "not (slow or trains or browser or processes or real)"
FOLDERS = ("browser", "contracts", "real", "studies")
LONG = {
    "": "finder heic",
    "cli": (
        "data_check_show_convert data_synth evaluate_command gallery_commands index_find passwords "
        "report_command weights_import"
    ),
    "contracts": "zoo_contract",
    "data": "checking good_means_usable matlab_stream",
    "data/synthetic": "people_bytes people_world tattoos",
    "distillation": "pairs",
    "evaluation": "detection_intervals report saved",
    "faults": "corrupt_files interrupted_forgetting",
    "finder": "pipeline",
    "gallery": (
        "archiving cameras checking crashes forgetting index memory merging migrations readers search "
        "store tracklets writer"
    ),
    "gallery/trust": "calibration coverage",
    "inference": "archives sampling streams video",
    "models": "alignps backbones convert convert_numbers dcinet detector_parity two_step weights zoo",
    "web": "heic",
}
"""Without ``test_`` and ``.py``. When ``make quick`` nears its minute, ``--durations=30`` tells what to add."""


def left_out() -> set[Path]:
    """Folders and files.

    Raises:
        pytest.UsageError: One of them is not there.
    """
    files = (TESTS / folder / f"test_{name}.py" for folder, names in LONG.items() for name in names.split())
    paths = {*files, *(TESTS / folder for folder in FOLDERS)}
    missing = sorted(str(path) for path in paths if not path.exists())
    if missing:
        raise pytest.UsageError(f"tests/suite/quick.py names {missing}, which are not there; name where they are now")
    return paths


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="The daily loop, see tests/suite/quick.py.")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("quick"):
        config.option.markexpr = config.option.markexpr or KINDS
        config.stash[LEFT_OUT] = left_out()


LEFT_OUT = pytest.StashKey[set[Path]]()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return True if collection_path in config.stash.get(LEFT_OUT, ()) else None
