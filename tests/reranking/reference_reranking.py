"""The definitions of re-ranking, as plain loops over people: slow, and meant to be read.

Nothing here comes from ``sceneseek.reranking``; sets are Python sets, sums are exact.
"""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np

Vector = list[float]


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def crowd(seed: int, people: int = 40, dim: int = 6, looks: int = 7, coarse: bool = False) -> np.ndarray:
    """Detections of a few people; coarse ones have few values, so that many are equal or opposite."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(looks, dim))
    rows = centres[rng.integers(0, looks, people)] + 0.5 * rng.normal(size=(people, dim))
    if coarse:
        rows = rng.integers(-1, 2, (people, dim)) + 0.0
        rows[np.abs(rows).sum(axis=1) == 0] = 1.0
    return unit(rows)


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.float32(math.fsum(float(x) * float(y) for x, y in zip(a, b, strict=True))))


def similarities(query: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    return np.array([similarity(query, g) for g in gallery], np.float32)


def best_matching(weights: list[list[float]]) -> list[tuple[int, int]]:
    """Every way to match the smaller side, and the one of largest total weight."""
    rows, columns = len(weights), len(weights[0])
    if rows <= columns:
        ways = [list(enumerate(chosen)) for chosen in permutations(range(columns), rows)]
    else:
        ways = [[(row, column) for column, row in enumerate(chosen)] for chosen in permutations(range(rows), columns)]
    return max(ways, key=lambda way: math.fsum(weights[i][j] for i, j in way))


def cbgm(
    query: np.ndarray, company: np.ndarray, gallery: np.ndarray, images: list[int], k1: int, k2: int
) -> list[float]:
    before = [similarity(query, g) for g in gallery]
    ranked = sorted(range(len(before)), key=lambda j: (-before[j], j))
    after = list(before)
    for image in {images[j] for j in ranked[:k1]}:
        people = [j for j in range(len(images)) if images[j] == image]
        nodes = [query, *company][:k2]
        weights = [[similarity(node, gallery[j]) for j in people] for node in nodes]
        matching = best_matching(weights)
        largest = max(weights[i][j] for i, j in matching)
        for i, j in matching:
            if i == 0:
                after[people[j]] = largest
    return after


def k_reciprocal(query: np.ndarray, gallery: np.ndarray, k1: int, k2: int, share: float) -> list[float]:
    nodes = [query, *gallery]
    count = len(nodes)
    near = [[1.0 if i == j else similarity(nodes[i], nodes[j]) for j in range(count)] for i in range(count)]
    squared = [[max(0.0, 2.0 - 2.0 * s) for s in row] for row in near]
    distance = [[d / max(row) if max(row) > 0 else 0.0 for d in row] for row in squared]
    ranked = [sorted(range(count), key=lambda j, i=i: (j != i, -near[i][j], j)) for i in range(count)]

    def nearest(p: int, k: int) -> list[int]:
        return ranked[p][: k + 1]

    def reciprocal(p: int, k: int) -> set[int]:
        return {j for j in nearest(p, k) if p in nearest(j, k)}

    encoded = []
    for p in range(count):
        expanded = set(reciprocal(p, k1))
        for c in reciprocal(p, k1):
            theirs = reciprocal(c, round(k1 / 2))
            if 3 * len(theirs & reciprocal(p, k1)) > 2 * len(theirs):
                expanded |= theirs
        weights = {j: math.exp(-distance[p][j]) for j in expanded}
        total = math.fsum(weights.values())
        encoded.append([weights.get(j, 0.0) / total for j in range(count)])
    friends = [ranked[p][:k2] for p in range(count)]
    averaged = [
        [math.fsum(encoded[f][j] for f in friends[p]) / len(friends[p]) for j in range(count)] for p in range(count)
    ]
    final = []
    for p in range(1, count):
        smaller = math.fsum(min(a, b) for a, b in zip(averaged[0], averaged[p], strict=True))
        larger = math.fsum(max(a, b) for a, b in zip(averaged[0], averaged[p], strict=True))
        jaccard = 1.0 - smaller / larger
        final.append(1.0 - ((1.0 - share) * jaccard + share * distance[0][p]))
    return final


def expanded_query(query: np.ndarray, gallery: np.ndarray, n: int, alpha: float) -> Vector:
    near = [similarity(query, g) for g in gallery]
    chosen = sorted(range(len(near)), key=lambda j: (-near[j], j))[:n]
    weights = [max(near[j], 0.0) ** alpha for j in chosen]
    summed = [
        math.fsum([float(query[d]), *(w * float(gallery[j][d]) for w, j in zip(weights, chosen, strict=True))])
        for d in range(len(query))
    ]
    norm = math.sqrt(math.fsum(x * x for x in summed))
    return [x / norm for x in summed] if norm else [float(x) for x in query]


def augmented(gallery: np.ndarray, n: int, alpha: float) -> list[Vector]:
    rows = []
    for i in range(len(gallery)):
        others = [j for j in range(len(gallery)) if j != i]
        rows.append(expanded_query(gallery[i], gallery[others], n, alpha))
    return rows
