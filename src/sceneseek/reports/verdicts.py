"""How far to trust an answer and each of its matches, in words: one wording for terminal, page, report and JSON."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sceneseek.reports.words import rate, two_digits
from sceneseek.structures import Interval, Match, Ranking, Standing
from sceneseek.words import counted

STANDINGS: dict[Standing, str] = {"likely": "Likely", "possible": "Possible", "distant": "Not close"}
"""One word for each standing."""

_STEPS = 5
_HARDLY = 0.05
"""Others expected, below which digits would say nothing."""


@dataclass(frozen=True)
class MatchWords:
    """What is said of one match.

    Attributes:
        standing: "Likely", "Possible" or "Not close"; "Example" for one that was asked with.
        rate: How often a stranger scores this high, as a sentence.
        short_rate: The same in as few words as a card has room for.
        basis: Where the rate comes from, and within which limits it lies.
        others: How many others are expected to score this high, with the interval.
        evidence: Which other match it is one piece of evidence with; empty where there is none.
        steps: 0 to 5, one for every power of ten that strangers are rarer; ``None`` where it is not known.
    """

    standing: str
    rate: str
    short_rate: str
    basis: str
    others: str
    evidence: str
    steps: int | None


@dataclass(frozen=True)
class AnswerWords:
    """What is said of an answer as a whole.

    Attributes:
        headline: In a few words.
        detail: Why, in one to three sentences.
    """

    headline: str
    detail: str

    @property
    def verdict(self) -> str:
        """Both as one text."""
        return f"{self.headline}. {self.detail}" if self.detail else f"{self.headline}."


def match_words(match: Match) -> MatchWords:
    """Put what is known of a match into words.

    Example:
        >>> words = match_words(Match(1, 0.7, 0.9, (0, 0, 1, 1), "a.jpg", false_match_rate=0.0021,
        ...     rate_interval=(0.001, 0.004), others_expected=1.4, others_interval=(0.5, 3.2), standing="possible"))
        >>> words.standing, words.rate
        ('Possible', '1 in 480 strangers scores this high')
        >>> words.basis
        'judged by strangers seen together in this folder; 1 in 1,000 to 1 in 250'
        >>> words.others
        'about 1 other person expected this high (0.5 to 3)'
    """
    return MatchWords(
        standing="Example" if match.standing is None else STANDINGS[match.standing],
        rate=_rate_sentence(match.false_match_rate),
        short_rate=_short_rate(match),
        basis=_basis(match),
        others=others_words(match.others_expected, match.others_interval),
        evidence=_evidence(match),
        steps=_steps(match.false_match_rate),
    )


def answer_words(ranking: Ranking) -> AnswerWords:
    """Put an answer into words: likely matches, possible ones, or nothing close; never without saying how sure.

    Example:
        >>> match = Match(1, 0.5, 0.9, (0, 0, 1, 1), "a.jpg", others_expected=1.4, others_interval=(0.5, 3.2),
        ...     standing="possible")
        >>> answer_words(Ranking((match,), "model", 4000, standing="possible", calibrated=True)).detail
        'No match is certain: about 1 other person expected as high as the best one (0.5 to 3).'
    """
    if not len(ranking):
        return AnswerWords("There was nobody to compare with", "")
    if ranking.standing is None:
        return AnswerWords("Nothing but your examples", "Every match is one that you asked with.")
    return _ANSWERS[ranking.standing](ranking)


def others_words(expected: float | None, interval: Interval | None, level: str = "this high") -> str:
    """How many others are expected to score as high.

    Example:
        >>> others_words(0.3, (0.1, 0.9)), others_words(0.002, (0.0, 0.01)), others_words(None, None)
        ('0.3 other people expected this high (0.1 to 0.9)', 'hardly anybody else expected this high', '')
    """
    if expected is None or interval is None:
        return ""
    if expected < _HARDLY and interval[1] < 2 * _HARDLY:
        return f"hardly anybody else expected {level}"
    number = _number(expected)
    noun = "other person" if number == "1" else "other people"
    about = "about " if expected >= 0.95 else ""
    return f"{about}{number} {noun} expected {level} ({_number(interval[0])} to {_number(interval[1])})"


def _likely(ranking: Ranking) -> AnswerWords:
    count, pieces = ranking.num_likely, ranking.num_likely_pieces
    detail = f"{_capital(_best(ranking, 'likely'))}."
    if pieces < count:
        one = "They resemble one another and are" if pieces == 1 else "Some resemble one another; together they are"
        detail += f" {one} {counted(pieces, 'piece', 'pieces')} of evidence."
    return AnswerWords(counted(count, "likely match", "likely matches"), detail)


def _possible(ranking: Ranking) -> AnswerWords:
    best = _best(ranking, "possible")
    if not ranking.calibrated:
        known = "How often strangers score this high is not known: too few people were seen together in this gallery"
        tail = f" Judged by the hits alone: {best}." if best else ""
        return AnswerWords("Possible: look at these", f"{known}, so no match is called likely.{tail}")
    return AnswerWords("Possible: look at these", f"No match is certain{f': {best}' if best else ''}.")


def _distant(ranking: Ranking) -> AnswerWords:
    best = _best(ranking, "distant")
    far = "Even the best match is less like your query than 19 of 20 people here are like their nearest other picture"
    return AnswerWords("Nothing close", f"{far}{f'; {best}' if best else ''}.")


_ANSWERS = {"likely": _likely, "possible": _possible, "distant": _distant}


def _best(ranking: Ranking, standing: Standing) -> str:
    """How many others are expected as high as the best match of a standing."""
    matches = [m for m in ranking if m.standing == standing and m.others_expected is not None]
    if not matches:
        return ""
    best = min(matches, key=lambda match: (match.others_expected, match.rank))
    return others_words(best.others_expected, best.others_interval, "as high as the best one")


def _rate_sentence(value: float | None) -> str:
    if value is None:
        return "How often a stranger scores this high is not known"
    return "Most strangers score this high" if value >= 0.5 else f"{rate(value)} strangers scores this high"


def _short_rate(match: Match) -> str:
    if match.false_match_rate is None:
        return "rate not known"
    return f"{rate(match.false_match_rate)} strangers{' (borrowed)' if match.rate_borrowed else ''}"


def _basis(match: Match) -> str:
    if match.standing is None:
        return "compared with itself, it proves nothing"
    if match.false_match_rate is None or match.rate_interval is None:
        return "too few people were seen together in this gallery"
    low, high = match.rate_interval
    limits = f"{rate(low)} to {rate(high)}"
    if match.rate_borrowed:
        return f"too few people were seen together {_here(match)}, so it is borrowed from others; {limits}"
    return f"judged by strangers seen together {_here(match)}; {limits}"


def _here(match: Match) -> str:
    """What a gallery judges together: a camera, and where it has no name, a video or a folder of photographs."""
    if match.camera_id is not None:
        return "on this camera"
    return "in this folder" if match.time_s is None else "in this video"


def _evidence(match: Match) -> str:
    if match.piece in (0, match.rank):
        return ""
    return f"resembles match {match.piece} more than your query: one piece of evidence with it"


def _steps(value: float | None) -> int | None:
    return None if value is None else int(np.clip(round(-np.log10(max(value, 1e-12))), 0, _STEPS))


def _number(value: float) -> str:
    """Two digits from 10 on, one below: more would pretend."""
    return f"{two_digits(value):,}" if value >= 0.95 else f"{value:.1g}" if value >= _HARDLY else "0"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
