"""A second look at the best candidates of a search: company, and shared neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import ValueRefused
from sceneseek.finder.asking import QueryPerson
from sceneseek.gallery import Gallery
from sceneseek.reranking import (
    ContextMatching,
    KReciprocal,
    context_bipartite_graph_matching,
    k_reciprocal,
    parse_reranker,
)
from sceneseek.structures import FloatArray, Match

SecondLook = ContextMatching | KReciprocal

CANDIDATES = 200
"""How many of the best matches are looked at again."""


def second_look(text: str) -> SecondLook:
    """A method by its name, with parameters behind a colon: ``"cbgm"``, ``"k_reciprocal:k1=30"``.

    Raises:
        ValueRefused: There is no such method, or it does not apply to a gallery.
    """
    method = parse_reranker(text)
    if not isinstance(method, SecondLook):
        raise ValueRefused(f"a gallery is re-ranked by cbgm or k_reciprocal; found {text!r}.")
    return method


def look_again(
    method: SecondLook, gallery: Gallery, people: Sequence[QueryPerson], vector: FloatArray, candidates: Sequence[Match]
) -> list[Match]:
    """Order candidates anew.

    Args:
        method: CBGM matches the company of the query with the people of the candidates' frames; k-reciprocal encoding
            asks whom each candidate resembles among the candidates.
        gallery: Where they were found.
        people: Who is sought; the first one with company brings it.
        vector: ``(D,)``, what the candidates were compared with.
        candidates: Best first.

    Returns:
        The candidates with their ``revised`` similarity, best first.
    """
    if not candidates:
        return []
    if isinstance(method, KReciprocal):
        revised = _by_neighbours(method, gallery, vector, candidates)
    else:
        revised = _by_company(method, gallery, people, vector, candidates)
    order = np.argsort(-revised, kind="stable")
    return [replace(candidates[i], rank=rank, revised=float(revised[i])) for rank, i in enumerate(order, start=1)]


def _by_neighbours(
    method: KReciprocal, gallery: Gallery, vector: FloatArray, candidates: Sequence[Match]
) -> NDArray[np.float64]:
    found = gallery.people([match.detection_id for match in candidates])
    embeddings = np.stack([person.embedding for person in found])
    similarities = np.array([match.similarity for match in candidates], np.float32)
    return k_reciprocal(vector, embeddings, similarities, k1=method.k1, k2=method.k2, lambda_=method.lambda_)


def _by_company(
    method: ContextMatching,
    gallery: Gallery,
    people: Sequence[QueryPerson],
    vector: FloatArray,
    candidates: Sequence[Match],
) -> NDArray[np.float64]:
    revised = np.array([match.similarity for match in candidates])
    company = next((p.company for p in people if p.company is not None and len(p.company)), None)
    if company is None:
        return revised
    keys = dict.fromkeys((match.media_key, match.frame_index) for match in candidates[: method.k1])
    frames = [gallery.frame(media_key, frame_index) for media_key, frame_index in keys]
    seen = [person for frame in frames for person in frame.people]
    embeddings = np.stack([person.embedding for person in seen])
    after = context_bipartite_graph_matching(
        embeddings @ vector,
        np.repeat(np.arange(len(frames)), [len(frame.people) for frame in frames]),
        company,
        embeddings,
        k1=len(seen),  # the frames were chosen already, by the candidates
        k2=method.k2,
    )
    better = {person.detection_id: float(value) for person, value in zip(seen, after, strict=True)}
    for i, match in enumerate(candidates):
        revised[i] = max(revised[i], better.get(match.detection_id, -1.0))
    return revised
