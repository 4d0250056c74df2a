"""Stored results of studies as pages: the table with its intervals, what it shows, and on what machine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from figures import size

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class StudyPage:
    """One page.

    Attributes:
        file: Below docs/reference.
        title: Its heading.
        explanation: The page that tells what is compared and how, relative to this one.
        studies: Whose stored results it shows.
    """

    file: str
    title: str
    explanation: str
    studies: tuple[str, ...]


PAGES = (
    StudyPage(
        "models/comparison.md",
        "Networks compared at equal budget",
        "../../explanation/zoo-comparison.md",
        ("zoo-comparison",),
    ),
    StudyPage(
        "distillation.md",
        "GDPS-style distillation taken apart",
        "../explanation/gdps.md",
        ("gdps-ablation", "gdps-ablation-alignps"),
    ),
)


def pages() -> dict[str, str]:
    """Every page by file name."""
    return {page.file: "\n".join(lines_of(page)).rstrip() + "\n" for page in PAGES}


def stored(study: str) -> dict[str, Any] | None:
    """The stored result of a study, where it was run to its end."""
    path = RESULTS / f"{study}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def lines_of(page: StudyPage) -> Iterator[str]:
    """Heading, and a section for each study where there are several."""
    yield f"# {page.title}\n"
    commands = " and ".join(f"`sceneseek reproduce {study}`" for study in page.studies)
    yield f"Stored results of {commands}; what is compared and how is told in"
    yield f"[the explanation]({page.explanation}).\n"
    for study in page.studies:
        table = stored(study)
        if len(page.studies) > 1:
            yield f"## {study if table is None else table['title']}\n"
        if table is None:
            yield "There is no stored result: the study has not been run to its end.\n"
        else:
            yield from section(study, table, "../" * page.file.count("/"))


def section(study: str, table: dict[str, Any], up: str) -> Iterator[str]:
    """What one study came to; ``up`` leads from the page to docs/reference."""
    yield f"{table['question']}\n"
    against = f"against {table['baseline']}"
    yield f"| row | seeds | mAP | {against} | top-1 | AP50 | {against} | parameters | minutes |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in table["rows"]:
        means, apart = row["scores"], row["differences"]
        cells = [bounds(means.get("mAP")), bounds(apart.get("mAP"), sign="+"), bounds(means.get("top-1"))]
        cells += [bounds(means.get("AP50")), bounds(apart.get("AP50"), sign="+"), size(row["parameters"])]
        runs = row["scores"]["mAP"]["count"]
        yield f"| {row['name']} | {runs} | {' | '.join(cells)} | {row['training_minutes']:.1f} |"
    yield "\nPer cent: mean over seeds ± standard deviation between them, [95 % interval of the mean by Student's t].\n"
    yield from (f"* {row['name']}: {flat(row['sentence'])}" for row in table["rows"])
    yield ""
    yield from (f"{line}\n" for line in table["findings"])
    if (ROOT / "docs" / "images" / f"{study}.png").is_file():
        yield f"![A dot for each seed, the mean and its interval](../{up}images/{study}.png)\n"
    yield from (f"Machine: {machine}.\n" for machine in table["machines"])


def flat(words: str) -> str:
    """One line, with ` for ``."""
    return re.sub(r"\s+", " ", words).strip().replace("``", "`").replace("|", "\\|")


def bounds(found: dict[str, Any] | None, sign: str = "") -> str:
    """Mean, spread and interval in per cent."""
    if found is None:
        return ""
    mean, low, high = (None if found[k] is None else f"{100 * found[k]:{sign}.1f}" for k in ("mean", "low", "high"))
    spread = "" if found["deviation"] is None or sign else f" ± {100 * found['deviation']:.1f}"
    return f"{mean}{spread}" + ("" if low is None else f" [{low}, {high}]")
