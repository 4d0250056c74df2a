"""Re-ranking of what a model saw: the methods of this package, applied to an extraction, one query at a time."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import ValueRefused, suggest
from sceneseek.reranking import query_expansion as expansion
from sceneseek.reranking import reciprocal_encoding
from sceneseek.reranking.context_matching import context_bipartite_graph_matching, query_context
from sceneseek.reranking.neighbours import Nearest, Neighbours
from sceneseek.structures import Extraction, IntArray, Query

Float32Array = NDArray[np.float32]
Float64Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Question:
    """One query and its gallery, as ranked so far.

    Attributes:
        query: Who is asked for.
        embedding: ``(D,)`` of the query, as it was compared.
        rows: ``(G,)`` the gallery's detections, rows of the extraction, none twice, in the order that decides between
            equals (``Extraction.precedence``).
        similarities: ``(G,)`` float32 cosines of the query with them.
        weights: ``(G,)`` by which similarities are multiplied (confidence weighting); ``None`` for no weighting.
    """

    query: Query
    embedding: NDArray[Any]
    rows: IntArray
    similarities: Float32Array
    weights: NDArray[Any] | None = None

    def weighted(self, similarities: NDArray[Any]) -> NDArray[Any]:
        """Similarities with the confidence weighting asked for."""
        return similarities if self.weights is None else (similarities * self.weights).astype(similarities.dtype)


class Rerank(Protocol):
    """Answers questions about one extraction."""

    def __call__(self, question: Question) -> NDArray[Any]:
        """New similarities ``(G,)``, weighted if the question asks for it."""


class Reranker(Protocol):
    """A method with its parameters."""

    name: ClassVar[str]

    def prepare(self, extraction: Extraction, det_threshold: float) -> Rerank:
        """Look at an extraction once, for all questions.

        Args:
            extraction: What the model saw.
            det_threshold: Detections with a lower score take no part.
        """

    def __str__(self) -> str:
        """The method and its parameters, for the record."""


@dataclass(frozen=True)
class ContextMatching:
    """CBGM, see ``context_matching.context_bipartite_graph_matching``.

    Company is what the model detected in the query's own scene, as certain as the gallery's detections must be. It is
    not weighted by its score, as in the released code; the gallery's side is, where similarities are.

    Attributes:
        k1: How many of the most similar detections select images: 10 for CUHK-SYSU, 30 for PRW.
        k2: People on the query's side, the query among them: 3 for CUHK-SYSU, 4 for PRW.
    """

    k1: int = 10
    k2: int = 3
    name: ClassVar[str] = "cbgm"

    def __post_init__(self) -> None:
        if self.k1 < 0 or self.k2 < 1:
            raise ValueRefused(f"k1 is {self.k1} and k2 is {self.k2}; expected at least 0 and at least 1.")

    def __str__(self) -> str:
        return _named(self.name, asdict(self))

    def prepare(self, extraction: Extraction, det_threshold: float) -> Rerank:
        """See ``Reranker``."""

        def rerank(question: Question) -> NDArray[Any]:
            query = question.query
            i = extraction.position_of[query.image_id]
            scene = np.arange(extraction.offsets[i], extraction.offsets[i + 1])
            scene = scene[extraction.scores[scene] >= det_threshold]
            company = scene[query_context(query.box, extraction.boxes[scene], extraction.scores[scene], self.k2)]
            gallery = extraction.embeddings[question.rows].astype(np.float64)
            if question.weights is not None:
                gallery *= question.weights[:, None]
            return context_bipartite_graph_matching(
                question.weighted(question.similarities),
                extraction.image_of[question.rows],
                extraction.embeddings[company],
                gallery,
                k1=self.k1,
                k2=self.k2,
            )

        return rerank


@dataclass(frozen=True)
class KReciprocal:
    """k-reciprocal encoding of each query with its own gallery, see ``reciprocal_encoding.k_reciprocal``.

    Confidence weights multiply the result, which lies in [0, 1].

    Attributes:
        k1: Neighbours that make a neighbourhood.
        k2: Neighbours to average over.
        lambda_: The share of the original distance.
    """

    k1: int = 20
    k2: int = 6
    lambda_: float = 0.3
    name: ClassVar[str] = "k_reciprocal"

    def __post_init__(self) -> None:
        reciprocal_encoding.check_parameters(self.k1, self.k2, self.lambda_)

    def __str__(self) -> str:
        return _named(self.name, asdict(self))

    def prepare(self, extraction: Extraction, det_threshold: float) -> Rerank:
        """See ``Reranker``."""
        galleries = _Galleries(extraction, det_threshold)

        def rerank(question: Question) -> NDArray[Any]:
            final = reciprocal_encoding.k_reciprocal(
                question.embedding,
                galleries.embeddings(question.rows),
                question.similarities,
                galleries.nearest(question.rows, self.k1 + 1),
                k1=self.k1,
                k2=self.k2,
                lambda_=self.lambda_,
            )
            return question.weighted(final)

        return rerank


@dataclass(frozen=True)
class QueryExpansion:
    """Query expansion in each query's own gallery, see ``query_expansion``.

    The nearest are chosen by plain cosines; confidence weights multiply the result.

    Attributes:
        n: How many of the nearest take part.
        alpha: The power of their similarities; 0 is average query expansion.
        database: Expand every detection of the gallery likewise, before the query is compared (database-side
            augmentation).
    """

    n: int = 5
    alpha: float = 3.0
    database: bool = False
    name: ClassVar[str] = "query_expansion"

    def __post_init__(self) -> None:
        expansion.check_parameters(self.n, self.alpha)

    def __str__(self) -> str:
        return _named(self.name, asdict(self))

    def prepare(self, extraction: Extraction, det_threshold: float) -> Rerank:
        """See ``Reranker``."""
        galleries = _Galleries(extraction, det_threshold)

        def rerank(question: Question) -> NDArray[Any]:
            if self.n == 0:
                return question.weighted(question.similarities)
            gallery, near = galleries.embeddings(question.rows), question.similarities
            if self.database:
                lists = galleries.nearest(question.rows, self.n + 1)
                gallery = expansion.augment_database(gallery, lists, n=self.n, alpha=self.alpha)
                near = (gallery @ np.asarray(question.embedding, np.float64)).astype(np.float32)
            asked = expansion.expand_query(question.embedding, gallery, near, n=self.n, alpha=self.alpha)
            return question.weighted((gallery @ asked).astype(np.float32))

        return rerank


class _Galleries:
    """The detections that take part in any gallery, and their neighbours."""

    def __init__(self, extraction: Extraction, det_threshold: float) -> None:
        kept = np.flatnonzero(extraction.scores >= det_threshold)
        kept = kept[np.argsort(extraction.precedence[kept])]
        self._place = np.full(len(extraction.boxes), -1, np.int64)
        self._place[kept] = np.arange(len(kept))
        self._neighbours = Neighbours(extraction.embeddings[kept])

    def embeddings(self, rows: IntArray) -> Float64Array:
        """``(G, D)`` float64."""
        return self._neighbours.embeddings[self._place[rows]]

    def nearest(self, rows: IntArray, k: int) -> Nearest:
        """The nearest of each of ``rows`` among them."""
        return self._neighbours.within(self._place[rows], k)


RERANKERS: Mapping[str, type[ContextMatching] | type[KReciprocal] | type[QueryExpansion]] = {
    method.name: method for method in (ContextMatching, KReciprocal, QueryExpansion)
}
"""The methods by name."""


_WORDS = {"yes": True, "true": True, "no": False, "false": False}


def _named(name: str, parameters: Mapping[str, object]) -> str:
    return f"{name} ({', '.join(k.rstrip('_') + f' {v}' for k, v in parameters.items())})"


def named_reranker(name: str, **parameters: Any) -> Reranker:
    """A method by its name; parameters that are not given, or ``None``, keep their published values.

    Args:
        name: A key of ``RERANKERS``.
        parameters: The method's own.

    Returns:
        The method.

    Raises:
        ValueRefused: No such method, a parameter that it does not have, or an impossible value.

    Example:
        >>> named_reranker("cbgm", k1=30, k2=4)
        ContextMatching(k1=30, k2=4)
    """
    if name not in RERANKERS:
        raise ValueRefused(
            f"there is no re-ranking {name!r}; expected one of {', '.join(RERANKERS)}.{suggest(name, tuple(RERANKERS))}"
        )
    method = RERANKERS[name]
    given = {k: v for k, v in parameters.items() if v is not None}
    known = {field.name: type(field.default) for field in fields(method)}
    unknown = [k for k in given if k not in known]
    if unknown:
        raise ValueRefused(
            f"{name} has no parameter {unknown[0].rstrip('_')!r}; it has {', '.join(k.rstrip('_') for k in known)}."
        )
    for key, value in given.items():
        kinds = {bool: (bool,), int: (int,), float: (int, float)}[known[key]]
        if not isinstance(value, kinds) or (isinstance(value, bool) and known[key] is not bool):
            expected = {bool: "yes or no", int: "a whole number", float: "a number"}[known[key]]
            raise ValueRefused(f"{key.rstrip('_')} of {name} is {value}; expected {expected}.")
    return method(**given)


def parse_reranker(text: str) -> Reranker:
    """A method from one line of text: its name, and after a colon the parameters that are not the published ones.

    Raises:
        ValueRefused: The text has another form, or names what does not exist.

    Example:
        >>> parse_reranker("cbgm")
        ContextMatching(k1=10, k2=3)
        >>> parse_reranker("k_reciprocal:k1=30,lambda=0.5")
        KReciprocal(k1=30, k2=6, lambda_=0.5)
        >>> parse_reranker("query_expansion:database=yes")
        QueryExpansion(n=5, alpha=3.0, database=True)
    """
    name, _, rest = text.partition(":")
    parameters = {}
    for part in filter(None, rest.split(",")):
        key, found, value = (p.strip() for p in part.partition("="))
        if not found:
            raise ValueRefused(f"{part!r} in {text!r} is no parameter; expected the form 'cbgm:k1=30,k2=4'.")
        parameters["lambda_" if key == "lambda" else key] = _value(value, text)
    return named_reranker(name.strip(), **parameters)


def _value(word: str, text: str) -> int | float | bool:
    if word.lower() in _WORDS:
        return _WORDS[word.lower()]
    for kind in (int, float):
        with suppress(ValueError):
            return kind(word)
    raise ValueRefused(f"{word!r} in {text!r} is no value; expected a number, 'yes' or 'no'.")
