"""How far to trust a match: claims against what came true, before and now; what marking right and wrong gains.

Every gallery is judged twice: by strangers seen on all its cameras, and by strangers of the other cameras only (for the
real sets: of the other sets), as if nobody had ever been seen together on the camera in question.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.held_out import REAL, HeldOut, real, synthetic
from benchmarks.held_out_judging import Judge, comparable
from benchmarks.stored import store
from sceneseek.data.synthetic import WorldSpec
from sceneseek.finder import Finder
from sceneseek.finder.asking import QueryPerson, combined
from sceneseek.gallery import Filters, FrameKey
from sceneseek.inference.predictor import Predictor, load_predictor

MODEL = "dcinet-synthetic"
WORLDS = {
    "synthetic": WorldSpec(seed=90_002, num_scenes=510, num_identities=110, test_share=0.98),
    "uniforms": WorldSpec(seed=90_003, num_scenes=408, num_identities=90, test_share=0.98, uniform_share=0.5),
    "hard": WorldSpec(
        seed=90_004, num_scenes=306, num_identities=60, test_share=0.98, difficulty="hard", fixed_cameras=True
    ),
}
PLOT = Path(__file__).resolve().parents[1] / "docs" / "images" / "calibration.png"
CLAIMS = np.logspace(-0.5, -3.5, 13)
SHOWN = (0.1, 0.01, 0.001)
QUERIES = 300
MARKED = 10


@dataclass(frozen=True, eq=False)
class Coverage:
    """Claimed rates and how often they came true.

    Attributes:
        actual: ``(C,)`` share of strangers whose claimed rate is no larger than ``CLAIMS``.
        low: Lower end of the 95 % interval over people.
        high: Upper end.
        count: Comparisons with strangers.
    """

    actual: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: int

    @property
    def cells(self) -> list[str]:
        """Actual over claimed at the claims that are shown."""
        places = [int(np.argmin(np.abs(np.log(CLAIMS / claim)))) for claim in SHOWN]
        return [
            f"{self.actual[p] / CLAIMS[p]:.2f} ({self.low[p] / CLAIMS[p]:.2f} to {self.high[p] / CLAIMS[p]:.2f})"
            for p in places
        ]


def main() -> None:
    """Print, store and plot; the plot goes where the documentation shows it."""
    torch.set_num_threads(1)
    rows: dict[str, dict[str, object]] = {}
    curves: dict[str, Coverage] = {}
    with tempfile.TemporaryDirectory() as folder:
        predictor = load_predictor(MODEL)
        for world in _worlds(predictor, Path(folder)):
            _report(world, rows, curves)
            if world.name == "synthetic":
                rows |= _small_galleries(world)
                rows["marks"] = _feedback(world)
                rows["re-ranked"] = _second_looks(world, predictor)
    print(f"wrote {store('calibration', rows, model=MODEL, queries=QUERIES)}")
    _plot(curves)


def _worlds(predictor: Predictor, folder: Path) -> Iterator[HeldOut]:
    for name, spec in WORLDS.items():
        yield synthetic(predictor, folder / name, spec, name)
    if REAL.is_dir():
        yield real(predictor, folder / "real")
    else:
        print(f"\nreal sets: skipped, not at {REAL} (SCENESEEK_REAL)")


def _report(world: HeldOut, rows: dict[str, dict[str, object]], curves: dict[str, Coverage]) -> None:
    whole = Judge(world)
    print(f"\n{world.name}: {len(world.ids):,} detections; {whole.calibration.summary}")
    asked = np.random.default_rng(0).permutation(world.named())[:QUERIES]
    apart = {str(name): Judge(world, world.sets != name) for name in np.unique(world.sets)}
    for label, judges in (("own cameras", {}), ("left out", apart)):
        for before in (True, False):
            key = f"{world.name}, {label}, {'before' if before else 'now'}"
            found = _coverage(world, whole, judges, asked, before)
            if found is None:
                print(f"  {label:12s} {'before' if before else 'now':7s} not known")
                continue
            curves[key] = found
            rows[key] = dict(zip(map(str, SHOWN), found.cells, strict=True)) | {"comparisons": found.count}
            print(f"  {label:12s} {'before' if before else 'now':7s} actual over claimed at 1e-1, 1e-2, 1e-3:", end=" ")
            print("   ".join(found.cells), f" of {found.count:,}")
    if world.name == "real":
        for name, judge in apart.items():
            mine = asked[world.sets[asked] == name]
            found = _coverage(world, whole, {name: judge}, mine, before=False) if len(mine) else None
            print(f"  {name} left out, now: {'not known' if found is None else '   '.join(found.cells)}")
            if found is not None:
                cells = dict(zip(map(str, SHOWN), found.cells, strict=True))
                rows[f"{name}, left out, now"] = {**cells, "comparisons": found.count}
    for before in (True, False):
        rows[f"{world.name}, answers, {'before' if before else 'now'}"] = _answers(world, whole, asked, before)
    if world.name == "real":
        room = np.array([row for row in asked if world.sets[row] == "walkin6"])
        for before in (True, False):
            rows[f"walkin6 in real, answers, {'before' if before else 'now'}"] = _answers(world, whole, room, before)


def _coverage(
    world: HeldOut, whole: Judge, apart: dict[str, Judge], asked: np.ndarray, before: bool
) -> Coverage | None:
    """Of all comparisons with strangers, how many reached what was claimed; with ``apart``, on the cameras left out."""
    counts, totals, people = [], [], []
    for row in asked:
        strangers, _ = comparable(world, int(row))
        judge = apart.get(str(world.sets[row]), whole) if apart else whole
        if apart:  # the camera that the query is from: no stranger was seen there
            strangers = strangers[world.sets[strangers] == world.sets[row]]
        claimed = judge.claimed(int(row), strangers, before) if len(strangers) else None
        if claimed is None:
            continue
        counts.append((claimed[:, None] <= CLAIMS).sum(0))
        totals.append(len(claimed))
        people.append(world.person_ids[row])
    if not counts:
        return None
    hits, total, who = np.array(counts), np.array(totals), np.array(people)
    low, high = np.quantile(_redrawn(hits, total, who), (0.025, 0.975), axis=0)
    return Coverage(hits.sum(0) / total.sum(), low, high, int(total.sum()))


def _redrawn(hits: np.ndarray, totals: np.ndarray, who: np.ndarray) -> np.ndarray:
    """Shares ``(500, ...)`` when the people asked for are drawn again with replacement."""
    names = np.unique(who)
    by_person = np.array([hits[who == name].sum(0) for name in names])
    of_person = np.array([totals[who == name].sum() for name in names])
    drawn = np.random.default_rng(0).integers(0, len(names), (500, len(names)))
    shares: np.ndarray = (by_person[drawn].sum(1).T / np.maximum(of_person[drawn].sum(1), 1e-9)).T
    return shares


def _answers(world: HeldOut, judge: Judge, asked: np.ndarray, before: bool) -> dict[str, object]:
    """What is said of the matches of people who are there and of people who are not, and whether it is true."""
    there, absent, who = [], [], []
    for row in asked:
        strangers, same = comparable(world, int(row))
        absent.append(judge.answer(int(row), strangers, before))
        if len(same):
            there.append(judge.answer(int(row), np.concatenate([strangers, same]), before))
            who.append(world.person_ids[row])
    if not any(answer.known for answer in there):
        print(f"  answers {'before' if before else 'now':7s} not known: nothing is called likely, nothing distant")
        return {"known": False}
    likely = np.array([answer.likely.sum() for answer in there])
    wrong = np.array([(answer.likely & ~answer.right).sum() for answer in there])
    claimed = np.array([np.minimum(answer.expected[answer.likely], 1.0).sum() for answer in there])
    spread = _redrawn(wrong[:, None], likely, np.array(who))[:, 0]
    low, high = np.quantile(spread, (0.025, 0.975))
    high = max(high, _none_seen(len({person for person, count in zip(who, likely, strict=True) if count})))
    first_right = np.array([answer.right[0] for answer in there])
    distant = np.array([answer.distant for answer in there])
    first_likely = np.array([answer.likely[0] for answer in there])
    facts: dict[str, object] = {
        "asked": len(there),
        "likely": int(likely.sum()),
        "claimed wrong, %": _percent(claimed.sum(), likely.sum()),
        "wrong, %": _percent(wrong.sum(), likely.sum()),
        "wrong, 95 %": f"{100 * low:.0f} to {100 * high:.0f}",
        "first right, %": _percent(first_right.sum(), len(there)),
        "first called likely, %": _percent(first_likely.sum(), len(there)),
        "of those right, %": _percent((first_likely & first_right).sum(), first_likely.sum()),
        "nothing close though first right, %": _percent((distant & first_right).sum(), first_right.sum()),
        "absent: called likely, %": _percent(sum(bool(a.likely.any()) for a in absent), len(absent)),
        "absent: nothing close, %": _percent(sum(a.distant for a in absent), len(absent)),
    }
    print(
        f"  answers {'before' if before else 'now':7s}", "; ".join(f"{name} {value}" for name, value in facts.items())
    )
    return facts


def _none_seen(people: int) -> float:
    """The share of wrong people at which ``people`` drawn at random are all right one time in twenty."""
    return float(1 - 0.05 ** (1 / people)) if people else 1.0


def _percent(part: float, whole: float) -> float | None:
    return round(100 * float(part) / float(whole), 1) if whole else None


def _small_galleries(world: HeldOut) -> dict[str, dict[str, object]]:
    """The same claims in galleries of a few scenes, five of each size."""
    rows: dict[str, dict[str, object]] = {}
    scenes = np.unique(world.scenes)
    print("scenes  pairs   actual over claimed at 1e-1, 1e-2, 1e-3 (five galleries: lowest to highest)")
    for size in (10, 20, 40, 80, 160, 320):
        ratios, pairs, unknown = [], [], 0
        for seed in range(5):
            inside = np.isin(world.scenes, np.random.default_rng(seed).permutation(scenes)[:size])
            local = world.part(inside)
            judge = Judge(local)
            pairs.append(judge.calibration.num_pairs)
            found = _coverage(local, judge, {}, local.named()[:150], before=False)
            if found is None:
                unknown += 1
            else:
                ratios.append(np.interp([1, 2, 3], -np.log10(CLAIMS), found.actual / CLAIMS))
        cells = [f"{min(r):.2f} to {max(r):.2f}" for r in zip(*ratios, strict=True)] if ratios else []
        note = f"not known in {unknown} of 5" if unknown else ""
        print(f"{size:6d}  {int(np.mean(pairs)):5,d}   " + "   ".join(cells) + f"   {note}")
        known = dict(zip(map(str, SHOWN), cells, strict=False))
        rows[f"{size} pictures"] = {"pairs": int(np.mean(pairs)), **known, "not known": f"{unknown} of 5"}
    return rows


def _feedback(world: HeldOut) -> dict[str, object]:
    """Of those who were not shown yet, mAP before and after the first ten matches were marked right or wrong."""
    rows = np.random.default_rng(1).permutation(world.named())[:QUERIES]
    scores: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        rest = np.flatnonzero(world.strangers(row) | world.same(row))
        same = world.same(row)[rest]
        people = world.embeddings[rest]
        before = people @ world.embeddings[row]
        shown = np.argsort(-before, kind="stable")[:MARKED]
        unseen = np.setdiff1d(np.arange(len(rest)), shown)
        if not same[unseen].any():
            continue
        query = [_example(world.embeddings[row])]
        right = [_example(people[i]) for i in shown if same[i]]
        wrong = [_example(people[i]) for i in shown if not same[i]]
        asked = {
            "before": combined(query),
            "right ones marked": combined([*query, *right]),
            "wrong ones marked": combined(query, wrong),
            "both marked": combined([*query, *right], wrong),
        }
        for name, vector in asked.items():
            scores[name].append(_average_precision((people @ vector)[unseen], same[unseen]))
    print(f"first {MARKED} marked once, mAP over those not shown before ({len(scores['before'])} queries):")
    print("   ".join(f"{name} {100 * np.mean(values):.1f}" for name, values in scores.items()))
    gain = 100 * (np.array(scores["both marked"]) - np.array(scores["before"]))
    drawn = np.random.default_rng(0).integers(0, len(gain), (1000, len(gain)))
    low, high = np.quantile(gain[drawn].mean(1), (0.025, 0.975))
    better = 100 * (gain > 0).mean()
    said = f"{gain.mean():+.1f} ({low:+.1f} to {high:+.1f})"
    print(f"gain of both {said}, better for {better:.0f} % of queries")
    means = {name: round(100 * float(np.mean(values)), 1) for name, values in scores.items()}
    return {"queries": len(gain), **means, "gain of both": said, "better, %": round(float(better))}


def _second_looks(world: HeldOut, predictor: Predictor) -> dict[str, object]:
    """Of the first hundred matches, mAP as the finder gives them, with and without re-ranking."""
    finder = Finder(predictor, world.gallery)
    rows = np.random.default_rng(2).permutation(world.named())[:100]
    person_of = dict(zip(world.ids, world.person_ids, strict=True))
    scores: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        num_same = int(world.same(row).sum())
        if not num_same:
            continue
        person = finder.person(world.ids[row])
        own = Filters(exclude=(FrameKey(world.rows[row]["media_key"]),))
        for rerank in (None, "cbgm", "k_reciprocal"):
            found = finder.find_people([person], top=100, filters=own, rerank=rerank)
            hits = np.array([person_of[m.detection_id] == world.person_ids[row] for m in found])
            precisions = np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)
            scores[rerank or "as found"].append(float(precisions.sum() / num_same))
    means = {name: round(100 * float(np.mean(values)), 1) for name, values in scores.items()}
    print(f"re-ranked through the finder, mAP of the first 100 ({len(scores['as found'])} queries):")
    print("   ".join(f"{name} {value}" for name, value in means.items()))
    return {"queries": len(scores["as found"]), **means}


def _example(embedding: np.ndarray) -> QueryPerson:
    return QueryPerson((0.0, 0.0, 1.0, 1.0), embedding)


def _average_precision(similarities: np.ndarray, right: np.ndarray) -> float:
    places = np.flatnonzero(right[np.argsort(-similarities, kind="stable")])
    return float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))


def _plot(curves: dict[str, Coverage]) -> None:
    figure = Figure(figsize=(10.5, 4.8), layout="constrained")
    styles = {
        "synthetic": ("#0072b2", "o"),
        "uniforms": ("#d55e00", "s"),
        "hard": ("#009e73", "^"),
        "real": ("#cc79a7", "D"),
    }
    both = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, label in zip(both, ("own cameras", "left out"), strict=True):
        axes.plot([1e-5, 1], [1e-5, 1], color="#7d8797", lw=1, label="as claimed")
        axes.fill_between(
            [1e-5, 1], [5e-6, 0.5], [2e-5, 2], color="#7d8797", alpha=0.12, lw=0, label="within a factor of 2"
        )
        for world, (colour, marker) in styles.items():
            for when, line in (("before", ":"), ("now", "-")):
                curve = curves.get(f"{world}, {label}, {when}")
                if curve is None:
                    continue
                shown = curve.actual > 0
                name = world if when == "now" else None
                axes.plot(
                    CLAIMS[shown], curve.actual[shown], color=colour, marker=marker, ms=4, lw=1.5, ls=line, label=name
                )
        axes.set(xscale="log", yscale="log", xlim=(3e-4, 0.4), ylim=(5e-5, 1.0))
        axes.set_title(f"{label} (dotted: before)", fontsize=10)
        axes.set_xlabel("claimed false-match rate")
        axes.grid(True, which="major", color="#e3e8ef", lw=0.8)
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_ylabel("strangers who reached it")
    both[0].legend(frameon=False, loc="upper left", fontsize=9)
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)
    print(f"wrote {PLOT}")
