"""Second looks at a ranking: context, neighbours, expansion, several pictures. NumPy and SciPy, no model in sight.

Every method takes similarities and embeddings and gives new similarities, larger is closer. The functions work on plain
arrays and know no files, so that evaluation and gallery share them; ``rerankers`` applies them to an extraction.
"""

from sceneseek.reranking.context_matching import context_bipartite_graph_matching, query_context
from sceneseek.reranking.multi_shot import FUSIONS, Fusion, Joined, MaxOfShots, join_shots, max_of_shots, mean_of_shots
from sceneseek.reranking.neighbours import Nearest, Neighbours, nearest
from sceneseek.reranking.query_expansion import augment_database, expand_query
from sceneseek.reranking.reciprocal_encoding import k_reciprocal
from sceneseek.reranking.rerankers import (
    RERANKERS,
    ContextMatching,
    KReciprocal,
    QueryExpansion,
    Question,
    Rerank,
    Reranker,
    named_reranker,
    parse_reranker,
)

__all__ = [
    "FUSIONS",
    "RERANKERS",
    "ContextMatching",
    "Fusion",
    "Joined",
    "KReciprocal",
    "MaxOfShots",
    "Nearest",
    "Neighbours",
    "QueryExpansion",
    "Question",
    "Rerank",
    "Reranker",
    "augment_database",
    "context_bipartite_graph_matching",
    "expand_query",
    "join_shots",
    "k_reciprocal",
    "max_of_shots",
    "mean_of_shots",
    "named_reranker",
    "nearest",
    "parse_reranker",
    "query_context",
]
