"""Which annotations of a COCO file are people, by its categories.

A file may hold cars and dogs beside people. What counts is decided once for the file:

* no list ``categories``, or one category: every annotation counts, whatever the category is called (``tattoo``);
* several: those named after people count (``person``, ``pedestrian``, ``sitting person``, ``man`` ...). ``people``,
  ``crowd``, ``group`` and ``ignored`` beside such a category are boxes that are neither a hit nor a false alarm. Parts
  (``head``, ``face``) are not people;
* several and no name is one of people: categories whose supercategory is ``person`` count, else the only category that
  is used; where several are used, the file is refused, because nobody can say which is meant.

What is left out is counted in a note.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sceneseek import words
from sceneseek.data.numbers import is_finite, shown, whole
from sceneseek.data.problems import BadRecord, OnProblem, Place, Problem

_PEOPLE = frozenset(
    f"{name}{ending}"
    for name in ("person", "pedestrian", "human", "adult", "boy", "girl", "rider", "cyclist", "walker", "passer by")
    for ending in ("", "s")
) | {"people", "man", "men", "woman", "women", "child", "children", "passers by", "passerby", "passersby"}
_IGNORED = frozenset({
    "people", "crowd", "group", "person group", "people group", "group of people", "group of persons", "ignore",
    "ignored", "ignore region", "ignored region", "ignored regions", "dontcare", "don't care",
})  # fmt: skip
_NOBODY = ("no ", "non ", "not ", "without ")
_SUPERCATEGORIES = frozenset({"person", "pedestrian", "human"})
_MOST_NAMED = 8
_KIND = "category"


class Role(Enum):
    """What an annotation counts as."""

    PERSON = "person"
    IGNORED = "ignored"
    OTHER = "other"


@dataclass(frozen=True)
class _Category:
    number: int
    name: str
    supercategory: str


class Categories:
    """The categories of one file, and how many annotations each of them cost.

    Args:
        roles: What counts as what, by category id; ``None`` where every annotation counts.
        names: By category id.
    """

    def __init__(self, roles: dict[int, Role] | None, names: dict[int, str]) -> None:
        self._roles = roles
        self._names = names
        self._ignored: Counter[int] = Counter()
        self._others: Counter[int] = Counter()

    @property
    def are_people(self) -> bool:
        """Whether what counts is called people; a file that names nothing is taken at its word."""
        return all(_names_people(self._names[n]) for n, role in (self._roles or {}).items() if role is Role.PERSON)

    def role_of(self, row: dict[str, Any], place: Place) -> Role:
        """What an annotation counts as.

        Raises:
            BadRecord: Its category is missing, or is not one of the file's.
        """
        if self._roles is None:
            return Role.PERSON
        value = row.get("category_id")
        if value is None and len(self._roles) == 1:
            return Role.PERSON
        if value is None:
            raise BadRecord(place, f"it has no 'category_id', and the file lists {self._listed()}.", _KIND)
        number = whole(value, "'category_id'", place, _KIND)
        if number not in self._roles:
            raise BadRecord(place, f"'category_id' is {number}; the file lists {self._listed()}.", _KIND)
        role = self._roles[number]
        if role is Role.IGNORED:
            self._ignored[number] += 1
        if role is Role.OTHER:
            self._others[number] += 1
        return role

    def remark(self, place: Place, on_problem: OnProblem) -> None:
        """Say what was left out, and what was read as boxes to ignore."""
        if self._others:
            people = ", ".join(name for number, name in self._names.items() if self._role(number) is Role.PERSON)
            left = sum(self._others.values())
            message = (
                f"{words.counted(left, 'box', 'boxes')} of other categories than people "
                f"{'is' if left == 1 else 'are'} left out: {self._counted(self._others)}. Read as people: {people}."
            )
            on_problem(Problem("other categories", place, message, "note"))
        if self._ignored:
            count = words.counted(sum(self._ignored.values()), "box", "boxes")
            message = f"{count} of groups are read as boxes to ignore: {self._counted(self._ignored)}."
            on_problem(Problem("categories to ignore", place, message, "note"))

    def _role(self, number: int) -> Role:
        return Role.PERSON if self._roles is None else self._roles[number]

    def _counted(self, counts: Counter[int]) -> str:
        named = [f"{self._names[number]} {count:,}" for number, count in counts.most_common(_MOST_NAMED)]
        more = len(counts) - len(named)
        return ", ".join(named) + (f" and {more} more" if more else "")

    def _listed(self) -> str:
        named = [f"{number} ({name})" for number, name in list(self._names.items())[:_MOST_NAMED]]
        more = len(self._names) - len(named)
        return (
            ("the category " if len(self._names) == 1 else "the categories ")
            + ", ".join(named)
            + (f" and {more} more" if more else "")
        )


def read_categories(rows: Any, annotations: Sequence[Any], place: Place, on_problem: OnProblem) -> Categories:
    """Decide which categories are people.

    Args:
        rows: The file's ``categories``; ``None`` where it has none.
        annotations: Its annotations, to see which categories are used.
        place: The file.
        on_problem: Told where the decision was a choice.

    Raises:
        BadRecord: The list is damaged, or nobody can say which category is meant.
    """
    listed = _listed(rows, place)
    used = [number for number in _used(annotations) if number in listed or not listed]
    if not listed:
        if len(used) > 1:
            numbers = ", ".join(map(str, used[:_MOST_NAMED]))
            message = (
                f"annotations have the category ids {numbers}, and there is no list 'categories' that names them. Add "
                'it: "categories": [{"id": 1, "name": "person"}, ...].'
            )
            raise BadRecord(place, message, _KIND)
        return Categories(None, {})
    names = {number: category.name for number, category in listed.items()}
    people = _people(listed, used, place, on_problem)
    roles = {number: Role.PERSON if number in people else Role.OTHER for number in listed}
    if any(_plain(names[number]) not in _IGNORED for number in people):
        roles |= {number: Role.IGNORED for number in listed if _plain(names[number]) in _IGNORED}
    return Categories(roles, names)


def _people(listed: dict[int, _Category], used: Sequence[int], place: Place, on_problem: OnProblem) -> frozenset[int]:
    if len(listed) == 1:
        return frozenset(listed)
    by_name = frozenset(number for number, category in listed.items() if _names_people(category.name))
    if by_name:
        return by_name
    above = frozenset(n for n, category in listed.items() if _plain(category.supercategory) in _SUPERCATEGORIES)
    chosen = above or (frozenset(used) if len(used) == 1 else frozenset())
    named = ", ".join(category.name for category in listed.values())
    if not chosen and used:
        message = (
            f"none of the categories {named} is named after people, so it is not known which are meant. Call one "
            "'person', or keep only the categories to be searched for."
        )
        raise BadRecord(place, message, _KIND)
    if chosen:
        taken = ", ".join(listed[number].name for number in sorted(chosen))
        why = "their supercategory is person" if above else "no other category is used"
        message = f"none of the categories {named} is named after people; {taken} is taken, because {why}."
        on_problem(Problem("category taken", place, message, "note"))
    return chosen or frozenset(listed)


def _listed(rows: Any, place: Place) -> dict[int, _Category]:
    if rows is None:
        return {}
    if not isinstance(rows, list):
        raise BadRecord(place, "'categories' is not a list.", _KIND)
    found: dict[int, _Category] = {}
    for i, row in enumerate(rows):
        at = place.at(f"category at place {i + 1}")
        if not isinstance(row, dict) or not isinstance(row.get("name"), str) or not row["name"].strip():
            raise BadRecord(at, f"it is {shown(row)}; expected an object with 'id' and 'name'.", _KIND)
        number = whole(row.get("id"), "'id'", at, _KIND)
        if number in found:
            raise BadRecord(at, f"another category has the id {number} already.", _KIND)
        found[number] = _Category(number, row["name"], str(row.get("supercategory") or ""))
    return found


def _used(annotations: Sequence[Any]) -> list[int]:
    values: Iterator[Any] = (row.get("category_id") for row in annotations if isinstance(row, dict))
    different = {value for value in values if isinstance(value, int | float)}
    return sorted({int(v) for v in different if is_finite(v) and v == int(v)})


def _names_people(name: str) -> bool:
    plain = _plain(name)
    return plain in _PEOPLE or (plain.rsplit(" ", 1)[-1] in _PEOPLE and not plain.startswith(_NOBODY))


def _plain(name: str) -> str:
    return re.sub(r"[\s_\-]+", " ", name.casefold()).strip(" ?.")
