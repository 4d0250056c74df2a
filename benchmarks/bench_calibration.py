"""False-match rates: claimed against actual, for strangers and for look-alikes; what marking right and wrong gains."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.held_out import REAL, HeldOut, real, synthetic
from sceneseek.data.synthetic import WorldSpec
from sceneseek.finder import Finder
from sceneseek.finder.asking import QueryPerson, combined
from sceneseek.gallery import Calibration, Calibrator, Filters, FrameKey
from sceneseek.gallery.calibration import calibrate
from sceneseek.gallery.lookups import EmbeddingSample
from sceneseek.inference.predictor import Predictor, load_predictor
from sceneseek.reports.words import MANY
from sceneseek.structures import UNEXPECTED

MODEL = "dcinet-synthetic"
WORLD = WorldSpec(seed=90_002, num_scenes=800, num_identities=150, test_share=0.98)
PLOT = Path(__file__).resolve().parents[1] / "docs" / "images" / "calibration.png"
CLAIMS = np.logspace(-0.5, -4.5, 17)
QUERIES = 400
MARKED = 10

Pairs = Callable[[int], np.ndarray]


@dataclass(frozen=True, eq=False)
class Curve:
    """Claimed rates and how often they came true.

    Attributes:
        label: For the plot.
        actual: ``(C,)`` share of strangers whose claimed rate is no larger than ``CLAIMS``.
        low: Lower end of the 95 % interval over people.
        high: Upper end.
        count: Comparisons with strangers.
    """

    label: str
    actual: np.ndarray
    low: np.ndarray
    high: np.ndarray
    count: int


def main() -> None:
    """Print and plot; the plot goes where the documentation shows it."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        predictor = load_predictor(MODEL)
        world = synthetic(predictor, Path(folder) / "synthetic", WORLD)
        curves = [*_trust(world)]
        _feedback(world)
        _second_looks(world, predictor)
        for name in ("mot17mini", "walkin6", "campus4"):
            if not (REAL / name).is_dir():
                print(f"\n{name}: skipped, not at {REAL} (SCENESEEK_REAL)")
                continue
            curves += _trust(real(name, predictor, Path(folder) / name))
    _plot(curves)


def _trust(world: HeldOut) -> list[Curve]:
    calibration = Calibrator(world.gallery)("detection")
    print(f"\n{world.name}: {len(world.ids):,} detections; {calibration.summary}")
    if calibration.tail is None:
        return []
    rows = np.random.default_rng(0).permutation(world.named())[:QUERIES]
    curves = [_curve(f"{world.name}: strangers", calibration, world, rows, world.strangers)]
    alike = _curve(f"{world.name}: look-alikes", calibration, world, rows, lambda row: _lookalikes(world, row))
    curves += [alike] if alike.count else []
    print("claimed      " + "".join(f"{f'{c:.0e}':>24s}" for c in CLAIMS[2::4]))
    for curve in curves:
        cells = [
            f"{a:.1e} ({lo:.0e} to {hi:.0e})" for a, lo, hi in zip(curve.actual, curve.low, curve.high, strict=True)
        ]
        print(
            f"{curve.label.split(': ')[1]:13s}"
            + "".join(f"{cell:>24s}" for cell in cells[2::4])
            + f"  of {curve.count:,}"
        )
    _verdicts(calibration, world, rows)
    if world.name == "synthetic":
        _small_galleries(world)
    return curves


def _lookalikes(world: HeldOut, row: int) -> np.ndarray:
    return world.strangers(row) & (world.families == world.families[row])


def _claimed(calibration: Calibration, world: HeldOut, row: int, others: np.ndarray) -> np.ndarray:
    query = world.embeddings[row]
    rates = replace(calibration, resampled=calibration.resampled[:1]).rates(query, world.embeddings[others] @ query)
    assert rates is not None
    return rates.rate


def _curve(label: str, calibration: Calibration, world: HeldOut, rows: np.ndarray, pairs: Pairs) -> Curve:
    counts, totals, people = [], [], []
    for row in rows:
        claimed = _claimed(calibration, world, row, pairs(row))
        counts.append((claimed[:, None] <= CLAIMS).sum(0))
        totals.append(len(claimed))
        people.append(world.person_ids[row])
    hits, total, who = np.array(counts), np.array(totals), np.array(people)
    names = np.unique(who)
    by_person = np.array([hits[who == name].sum(0) for name in names])
    of_person = np.array([total[who == name].sum() for name in names])
    drawn = np.random.default_rng(0).integers(0, len(names), (500, len(names)))
    again = by_person[drawn].sum(1) / np.maximum(of_person[drawn].sum(1), 1)[:, None]
    low, high = np.quantile(again, (0.025, 0.975), axis=0)
    return Curve(label, hits.sum(0) / max(total.sum(), 1), low, high, int(total.sum()))


def _verdicts(calibration: Calibration, world: HeldOut, rows: np.ndarray) -> None:
    """What is said of the first match, and how often that is right."""
    strangers, own = [], []
    for row in rows:
        others, same = world.strangers(row), world.same(row)
        compared = int(others.sum() + same.sum())
        strangers.append(compared * _claimed(calibration, world, row, others).min())
        own.append(compared * _claimed(calibration, world, row, same).min() if same.any() else np.nan)
    best, mine = np.array(strangers), np.array(own)
    print(
        f"person absent ({len(best)} queries): first match called likely {100 * (best < UNEXPECTED).mean():.0f} %, "
        f"nobody looks like it {100 * (best >= MANY).mean():.0f} %"
    )
    best, mine = best[~np.isnan(mine)], mine[~np.isnan(mine)]
    first, right = np.minimum(best, mine), mine < best
    print(f"person there ({len(best)} queries): first match right {100 * right.mean():.0f} %", end="")
    for name, said in (("likely", first < UNEXPECTED), ("nobody looks like it", first >= MANY)):
        told = f"{100 * right[said].mean():.0f} % of those right" if said.any() else "never"
        print(f"; {name} {100 * said.mean():.0f} %, {told}", end="")
    print()


def _small_galleries(world: HeldOut) -> None:
    """The same claims in galleries of a few scenes, five of each size."""
    everybody = world.gallery.sample_embeddings(len(world.ids))
    scenes = np.unique(world.scenes)
    print("scenes  comparisons   actual over claimed at 1e-1, 1e-2, 1e-3 (five galleries: least to largest)")
    for size in (20, 40, 80, 160, 320):
        ratios, pairs, unknown = [], [], 0
        for seed in range(5):
            chosen = np.random.default_rng(seed).permutation(scenes)[:size]
            inside = np.flatnonzero(np.isin(world.scenes, chosen))
            part = EmbeddingSample(everybody.embeddings[inside], everybody.rows.take(inside))
            calibration = calibrate(part, part.embeddings[:1024], "detection")
            pairs.append(calibration.num_pairs)
            if calibration.tail is None:
                unknown += 1
                continue
            rows = inside[world.person_ids[inside] >= 0][:150]
            local = np.isin(np.arange(len(world.ids)), inside)
            curve = _curve("", calibration, world, rows, lambda row, local=local: world.strangers(row) & local)
            ratios.append(np.interp([1, 2, 3], -np.log10(CLAIMS), curve.actual / CLAIMS))
        cells = [f"{min(r):.2f} to {max(r):.2f}" for r in zip(*ratios, strict=True)] if ratios else []
        note = f"not known in {unknown} of 5" if unknown else ""
        print(f"{size:6d}  {int(np.mean(pairs)):11,d}   " + "   ".join(cells) + f"   {note}")


def _feedback(world: HeldOut) -> None:
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
    print(f"\nfirst {MARKED} marked once, mAP over those not shown before ({len(scores['before'])} queries):")
    print("   ".join(f"{name} {100 * np.mean(values):.1f}" for name, values in scores.items()))
    gain = 100 * (np.array(scores["both marked"]) - np.array(scores["before"]))
    drawn = np.random.default_rng(0).integers(0, len(gain), (1000, len(gain)))
    low, high = np.quantile(gain[drawn].mean(1), (0.025, 0.975))
    better = 100 * (gain > 0).mean()
    print(f"gain of both {gain.mean():+.1f} ({low:+.1f} to {high:+.1f}), better for {better:.0f} % of queries")


def _second_looks(world: HeldOut, predictor: Predictor) -> None:
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
        own = Filters(exclude=(FrameKey(f"{world.scenes[row]:06d}"),))
        for rerank in (None, "cbgm", "k_reciprocal"):
            found = finder.find_people([person], top=100, filters=own, rerank=rerank)
            hits = np.array([person_of[m.detection_id] == world.person_ids[row] for m in found])
            precisions = np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1)
            scores[rerank or "as found"].append(float(precisions.sum() / num_same))
    print(f"\nre-ranked through the finder, mAP of the first 100 ({len(scores['as found'])} queries):")
    print("   ".join(f"{name} {100 * np.mean(values):.1f}" for name, values in scores.items()))


def _example(embedding: np.ndarray) -> QueryPerson:
    return QueryPerson((0.0, 0.0, 1.0, 1.0), embedding)


def _average_precision(similarities: np.ndarray, right: np.ndarray) -> float:
    places = np.flatnonzero(right[np.argsort(-similarities, kind="stable")])
    return float(np.mean(np.arange(1, len(places) + 1) / (places + 1)))


def _plot(curves: Sequence[Curve]) -> None:
    figure = Figure(figsize=(7.2, 5.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([1e-5, 1], [1e-5, 1], color="#7d8797", lw=1, ls=(0, (4, 3)), label="as claimed")
    styles = [("#0072b2", "o"), ("#d55e00", "s"), ("#009e73", "^"), ("#cc79a7", "D")]
    for (colour, marker), curve in zip(styles, curves, strict=False):
        shown = curve.actual > 0
        axes.fill_between(CLAIMS, np.maximum(curve.low, 1e-9), curve.high, color=colour, alpha=0.15, lw=0)
        axes.plot(CLAIMS[shown], curve.actual[shown], color=colour, marker=marker, ms=5, lw=1.6, label=curve.label)
    axes.set(xscale="log", yscale="log", xlim=(2e-5, 0.5), ylim=(2e-6, 1.0))
    axes.set_xlabel("claimed false-match rate")
    axes.set_ylabel("strangers who reached it")
    axes.grid(True, which="major", color="#e3e8ef", lw=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PLOT, dpi=110)
    print(f"\nwrote {PLOT}")
