"""How good tracklets are against the truth: do they mix people, and into how many pieces do they break one?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from sceneseek.errors import ValueRefused


@dataclass(frozen=True)
class TrackletScores:
    """Tracklets against known people.

    Attributes:
        num_detections: Detections whose person is known.
        num_people: People among them.
        num_tracklets: Tracklets among them.
        num_mixed: Tracklets that hold more than one person.
        purity: The share of detections that belong to the person whom most of their tracklet shows, 0 to 1. One
            detection a tracklet is perfectly pure, so purity means little without the fragments.
        fragments_per_person: Tracklets that mostly show a person, the mean over people. 1 is perfect, when each was in
            view without a break and no detection was doubled.
        coverage: The share of a person's detections that the longest of their tracklets holds, the mean over people.
    """

    num_detections: int
    num_people: int
    num_tracklets: int
    num_mixed: int
    purity: float
    fragments_per_person: float
    coverage: float


def score_tracklets(tracklets: Sequence[Hashable], person_ids: Sequence[Hashable]) -> TrackletScores:
    """Compare tracklets with the truth, detection by detection.

    Args:
        tracklets: The tracklet of each of ``N`` detections.
        person_ids: Who each of them shows.

    Raises:
        ValueRefused: The lengths differ, or there is nothing to score.

    Example:
        >>> scores = score_tracklets(["a", "a", "a", "b"], [1, 1, 2, 2])
        >>> scores.purity, scores.fragments_per_person, scores.num_mixed
        (0.75, 1.0, 1)
    """
    if len(tracklets) != len(person_ids) or not tracklets:
        raise ValueRefused(
            f"{len(tracklets)} tracklets and {len(person_ids)} people were given; expected one of each per detection."
        )
    members: defaultdict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for tracklet, person in zip(tracklets, person_ids, strict=True):
        members[tracklet][person] += 1
    owners = Counter(counts.most_common(1)[0][0] for counts in members.values())
    agreeing = sum(counts.most_common(1)[0][1] for counts in members.values())
    people = Counter(person_ids)
    longest = {person: max(counts[person] for counts in members.values()) for person in people}
    return TrackletScores(
        num_detections=len(tracklets),
        num_people=len(people),
        num_tracklets=len(members),
        num_mixed=sum(len(counts) > 1 for counts in members.values()),
        purity=agreeing / len(tracklets),
        fragments_per_person=sum(owners.values()) / len(people),
        coverage=sum(longest[person] / people[person] for person in people) / len(people),
    )
