"""An answer as one HTML page that carries all its pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sceneseek.drawing import jpeg_data_uri
from sceneseek.pages import environment
from sceneseek.reports import words
from sceneseek.reports.answer import RATE_NOTE, Answer, Asked
from sceneseek.reports.verdicts import answer_words, match_words
from sceneseek.reports.views import View
from sceneseek.structures import Match
from sceneseek.words import counted, printable


def render_page(answer: Answer) -> str:
    """Make one HTML page with the query on the left and the ranked matches beside it.

    Everything is inside: no script, no address outside the page. File and camera names are text of strangers and are
    escaped; the page's own policy forbids scripts besides.
    """
    ranking = answer.ranking
    page: str = (
        environment("sceneseek.reports")
        .get_template("answer.html")
        .render(
            title=answer.title,
            queries=[_asked(asked) for asked in answer.asked if not asked.against],
            against=[_asked(asked) for asked in answer.asked if asked.against],
            matches=[_row(match, view) for match, view in zip(ranking, answer.views, strict=True)],
            standing=ranking.standing,
            verdict=answer_words(ranking),
            facts=answer.facts(),
            compared=counted(ranking.searched, "person", "people"),
            filters={name: printable(value) for name, value in ranking.filters.items()},
            reranked=any(match.revised is not None for match in ranking),
            unreadable=sum(view.scene is None for view in answer.views),
            note=RATE_NOTE,
        )
    )
    return page


def _asked(asked: Asked) -> dict[str, Any]:
    return {
        "name": Path(printable(asked.name)).name,
        "how": asked.how,
        "flags": _flags(asked.flags),
        **_pictures(asked.view),
    }


def _row(match: Match, view: View) -> dict[str, Any]:
    source = Path(match.source)
    return {
        "rank": match.rank,
        "similarity": f"{match.similarity:.3f}",
        "revised": None if match.revised is None else f"{match.revised:.3f}",
        "share": f"{max(0.0, match.similarity) * 100:.1f}",
        "standing": match.standing or "example",
        "trust": match_words(match),
        "flags": _flags(match.flags),
        "score": f"{match.score:.2f}",
        "name": printable(source.name),
        "folder": printable(str(source.parent)),
        "camera": printable(match.camera_id or ""),
        "seen": words.seen(match),
        "frames": 0 if match.sighting is None else match.sighting.num_detections,
        "frame": match.frame_index if match.time_s is not None else None,
        "box": ", ".join(f"{v:.0f}" for v in match.box),
        "size": f"{match.width} × {match.height}",
        "problem": printable(view.problem),
        **_pictures(view),
    }


def _flags(flags: tuple[str, ...]) -> list[tuple[str, str]]:
    return [(flag, words.FLAG_WORDS.get(flag, "")) for flag in flags]


def _pictures(view: View) -> dict[str, Any]:
    if view.person is None or view.scene is None:
        return {"person": None, "scene": None, "width": 0, "height": 0, "corners": ()}
    return {
        "person": jpeg_data_uri(view.person, 86),
        "scene": jpeg_data_uri(view.scene, 80),
        "width": view.scene.shape[1],
        "height": view.scene.shape[0],
        "corners": tuple(round(v, 1) for v in view.box),
    }
