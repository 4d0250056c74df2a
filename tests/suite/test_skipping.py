"""A skip is declared and counted, and what is required fails where it is missing: each was seen to fail here."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.needs import NEEDS

TESTS = Path(__file__).parents[1]
INI = """[pytest]
markers =
    needs(*names): see suite.needs
    browser: of the page
"""
CONFTEST = """
from dataclasses import replace

from suite.needs import NEEDS

pytest_plugins = ["suite.skipping"]

for name, need in NEEDS.items():
    NEEDS[name] = replace(need, is_here=lambda name=name: name in {here!r})
"""
BROWSER = """
import pytest

@pytest.fixture
def browser():
    raise AssertionError("there is none here")

def test_page(browser):
    pass
"""


@pytest.fixture
def run(pytester, monkeypatch):
    """Run a file of tests with the plugin on a machine that has nothing but ``here``; exit code and output."""

    def run_text(
        text: str, *options: str, required: str = "", here: tuple[str, ...] = (), short: bool = False
    ) -> tuple[int, str]:
        for name, need in NEEDS.items():
            monkeypatch.setitem(NEEDS, name, need)  # put back afterwards
        pytester.makeini(INI)
        pytester.makeconftest(CONFTEST.format(here=here))
        pytester.makepyfile(test_it=text)
        monkeypatch.setenv("SCENESEEK_REQUIRE", required)
        monkeypatch.setenv("SCENESEEK_THOROUGH", "" if short else "1")
        monkeypatch.setenv("PYTHONPATH", str(TESTS))
        start = pytester.runpytest_subprocess if "-n" in options else pytester.runpytest_inprocess
        result = start("-p", "no:cacheprovider", *options)
        return int(result.ret), result.stdout.str() + result.stderr.str()

    return run_text


@pytest.mark.processes
def test_the_last_line_says_what_was_skipped_and_what_it_would_take(run):
    text = (
        BROWSER + "\n@pytest.mark.needs('pictures')\n@pytest.mark.parametrize('n', range(3))\ndef test_real(n): pass\n"
    )
    for options in ([], ["-n", "1"]):
        code, output = run(text, *options)
        assert code == 0
        assert output.splitlines()[-1] == (
            f"Skipped: 3 that need real pictures ({NEEDS['pictures'].remedy}); "
            f"1 that need a browser ({NEEDS['browser'].remedy})."
        )


def test_where_everything_is_there_nothing_was_skipped(run):
    code, output = run("def test_it(): pass\n")
    assert code == 0
    assert output.splitlines()[-1] == "Nothing was skipped."


def test_short_sweeps_are_said_to_be_short(run):
    code, output = run("def test_it(): pass\n", short=True)
    assert code == 0
    assert output.splitlines()[-1] == "Nothing was skipped. Sweeps were short; make test-all runs them in full."


@pytest.mark.processes
def test_what_is_required_and_missing_fails(run):
    for options in ([], ["-n", "1"]):
        code, output = run(BROWSER, *options, required="browser")
        assert code == 1
        assert "SCENESEEK_REQUIRE names 'browser'; a browser missing: apt install chromium" in output


@pytest.mark.processes
def test_what_is_required_has_to_run(run):
    """Neither a selection nor a lost folder lets it be forgotten."""
    others = "def test_other(): pass\n"
    for options in ([], ["-n", "1"]):
        code, output = run(others, *options, required="browser", here=("browser",))
        assert code == 1
        assert "no test that needs a browser passed" in output
    passing = "import pytest\n@pytest.mark.needs('browser')\ndef test_page(): pass\n"
    assert run(passing, required="browser", here=("browser",))[0] == 0


@pytest.mark.parametrize(
    "text",
    [
        "import pytest\ndef test_it(): pytest.skip('no time')\n",
        "import pytest\npytest.importorskip('a_tool_that_is_not_here')\n",
        "import pytest\n@pytest.mark.skipif(True, reason='not today')\ndef test_it(): pass\n",
        "import unittest\nclass TestIt(unittest.TestCase):\n    @unittest.skip('no')\n    def test_it(self): pass\n",
    ],
    ids=["call", "import", "mark", "unittest"],
)
def test_a_skip_without_a_declared_need_fails(run, text):
    code, output = run(text)
    assert code != 0
    assert "skipped for no declared need" in output


def test_an_unknown_need_is_refused(run):
    code, output = run("import pytest\n@pytest.mark.needs('browzer')\ndef test_it(): pass\n")
    assert code == 4
    assert "names the need 'browzer'; known are: annotations, browser" in output
    code, output = run("def test_it(): pass\n", required="browser,chrome")
    assert code == 4
    assert "SCENESEEK_REQUIRE names the need 'chrome'" in output
