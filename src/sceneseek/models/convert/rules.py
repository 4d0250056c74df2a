"""How a published network's tensors become ours: renamed by tables, rewritten exactly, and accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from sceneseek.errors import WeightsError
from sceneseek.models import zoo
from sceneseek.models.weights import identity_tables, working_state

State = dict[str, Tensor]
Rewrite = Callable[[State], dict[str, str]]
"""Changes renamed tensors in place so that they mean the same in our network; says by (our) name what it did."""

_COUNTER = ".num_batches_tracked"
_NAMED = 4


@dataclass(frozen=True)
class Layout:
    """What a published checkpoint of one kind looks like, and what it is here.

    Attributes:
        builder: Of the zoo.
        options: The builder's, so that the network behaves as published.
        names: The table: beginnings of published names to beginnings of ours. One that ends in a dot stands for all
            names that begin with it, any other for itself; the longest that fits counts.
        unused: Beginnings of published names that are not read here, with the reason.
        rewrites: What renaming alone does not do, in order.
        optional: Beginnings of our names that a checkpoint may lack, with the reason why search does not miss them.
        remarks: What differs from the published program in spite of all, for the report.
        tables: Published names of identity tables to ours, for those who want to keep them.
    """

    builder: str
    options: dict[str, Any]
    names: Mapping[str, str]
    unused: Mapping[str, str]
    rewrites: Sequence[Rewrite] = ()
    optional: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    tables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedNetwork:
    """A network whose checkpoints can be imported.

    Attributes:
        name: What ``--as`` calls it.
        title: What people call it.
        source: Whose definition the table follows.
        licence: Of that code, and what is known of its weights.
        marks: Beginnings of names that its checkpoints have, all of them.
        layout: The checkpoint's tensors to how they are read.
        foreign: Beginnings of names that its checkpoints do not have, but those of a relative that has all its marks.
    """

    name: str
    title: str
    source: str
    licence: str
    marks: tuple[str, ...]
    layout: Callable[[State], Layout]
    foreign: tuple[str, ...] = ()

    def recognises(self, state: Mapping[str, Tensor]) -> bool:
        """Whether a checkpoint has the names that mark this network."""
        held = {mark for mark in (*self.marks, *self.foreign) if any(key.startswith(mark) for key in state)}
        return held == {*self.marks}


@dataclass(frozen=True)
class Translation:
    """A checkpoint in our terms.

    Attributes:
        model: Our network, on no device but for the tensors that weights files hold.
        used: Published name to ours.
        rewritten: Our name to what was done beyond renaming.
        filled: Our name to why it was not in the file and what stands there.
        unused: Published name to the reason.
    """

    model: nn.Module
    used: dict[str, str]
    rewritten: dict[str, str]
    filled: dict[str, str]
    unused: dict[str, str]


def translate(
    state: Mapping[str, Tensor], layout: Layout, origin: str, *, keep_identity_table: bool = False
) -> Translation:
    """Put a checkpoint's tensors into our network.

    Args:
        state: Published names to tensors.
        layout: How they are read.
        origin: The file, for messages.
        keep_identity_table: Read the rows that training kept for each person, too.

    Raises:
        WeightsError: There is no identity table to keep; a tensor has no place here, one that search needs is missing,
            or a shape differs; all of them are counted and the first named.
    """
    if keep_identity_table:
        layout = _with_tables(state, layout, origin)
    renamed, used, unused = rename(state, layout, origin)
    rewritten: dict[str, str] = {}
    for rewrite in layout.rewrites:
        rewritten |= rewrite(renamed)
    with torch.device("meta"):
        model = zoo.create(layout.builder, **layout.options)
    wanted = working_state(model)
    if keep_identity_table:
        wanted |= identity_tables(model)
    filled = _fill(renamed, wanted, layout)
    _refuse_misfits(renamed, wanted, used, layout, origin)
    model.load_state_dict(renamed, strict=False, assign=True)
    return Translation(model.eval(), used, rewritten, filled, unused)


def _with_tables(state: Mapping[str, Tensor], layout: Layout, origin: str) -> Layout:
    """The same layout for those who keep identity tables: rows that are not zero belong to people who were seen."""
    missing = [name for name in layout.tables if name not in state]
    if missing or not layout.tables:
        raise WeightsError(
            f"{origin} holds no identity table (expected {', '.join(missing) or 'one'}): there is nothing to keep. "
            "Import it without."
        )

    def mark_seen(renamed: State) -> dict[str, str]:
        done = {}
        for ours in layout.tables.values():
            renamed[f"{ours}.seen"] = (renamed[f"{ours}.centres"] != 0).any(dim=1)
            done[f"{ours}.seen"] = "rows of the identity table that are not zero"
        return done

    names = {**layout.names, **{theirs: f"{ours}.centres" for theirs, ours in layout.tables.items()}}
    return replace(layout, names=names, rewrites=(*layout.rewrites, mark_seen))


def rename(state: Mapping[str, Tensor], layout: Layout, origin: str) -> tuple[State, dict[str, str], dict[str, str]]:
    """Renamed tensors in single precision, published names to ours, and unused ones with the reason.

    Raises:
        WeightsError: A name is in neither table, or two become one.
    """
    renamed: State = {}
    used: dict[str, str] = {}
    unused: dict[str, str] = {}
    strangers = []
    for key, value in state.items():
        here, not_here = _longest(key, layout.names), _longest(key, layout.unused)
        if not_here is not None and (here is None or len(not_here) > len(here)):
            unused[key] = layout.unused[not_here]
        elif here is None:
            strangers.append(key)
        else:
            ours = layout.names[here] + key[len(here) :]
            if ours in renamed:
                raise WeightsError(f"{origin}: {key} and another tensor both belong at {ours}; the file is no one's.")
            renamed[ours] = value.detach().clone().float() if value.is_floating_point() else value.detach().clone()
            used[key] = ours
    if strangers:
        raise WeightsError(
            f"{origin}: {_counted(strangers, 'tensor')} of the file {'have' if len(strangers) > 1 else 'has'} no place "
            f"in {layout.builder} ({_listed(strangers)}). The file is of another network or another version of it; "
            "nothing was stored."
        )
    return renamed, used, unused


def _longest(key: str, table: Mapping[str, str]) -> str | None:
    fitting = [begin for begin in table if key == begin or (begin.endswith(".") and key.startswith(begin))]
    return max(fitting, key=len, default=None)


def _fill(state: State, wanted: Mapping[str, Tensor], layout: Layout) -> dict[str, str]:
    """Add what search does not need: counters of normalisations, and what the layout calls optional."""
    filled = {}
    for key, value in wanted.items():
        if key in state:
            continue
        optional = _longest(key, layout.optional)
        if key.endswith(_COUNTER):
            filled[key] = "a counter of training steps; 0 stands there"
        elif optional is not None:
            filled[key] = layout.optional[optional]
        else:
            continue
        state[key] = torch.zeros(value.shape, dtype=value.dtype)
    return filled


def _refuse_misfits(
    state: State, wanted: Mapping[str, Tensor], used: Mapping[str, str], layout: Layout, origin: str
) -> None:
    missing = [key for key in wanted if key not in state]
    if missing:
        raise WeightsError(
            f"{origin} lacks {_counted(missing, 'tensor')} that {layout.builder} needs to search, ours are called "
            f"{_listed(missing)}. The file is incomplete or of another version; nothing was stored."
        )
    theirs = {ours: key for key, ours in used.items()}
    misfits = [
        f"{theirs.get(key, key)} is {tuple(value.shape)}"
        + (f", {tuple(wanted[key].shape)} was expected" if key in wanted else ", and has no place")
        for key, value in state.items()
        if key not in wanted or value.shape != wanted[key].shape
    ]
    if misfits:
        raise WeightsError(
            f"{origin}: {_counted(misfits, 'tensor')} of the file {'do' if len(misfits) > 1 else 'does'} not fit "
            f"{layout.builder}: {_listed(misfits, '; ')}. The network was built with other sizes; nothing was stored."
        )
    sick = [theirs.get(key, key) for key, value in state.items() if not _finite(value)]
    if sick:
        raise WeightsError(
            f"{origin}: {_counted(sick, 'tensor')} of the file {'hold' if len(sick) > 1 else 'holds'} numbers that are "
            f"not finite ({_listed(sick)}). Its training diverged, or the file is damaged."
        )


def _finite(value: Tensor) -> bool:
    return value.is_meta or bool(torch.isfinite(value).all())


def _counted(names: Sequence[str], what: str) -> str:
    return f"{len(names)} {what}{'s' if len(names) > 1 else ''}"


def _listed(names: Sequence[str], between: str = ", ") -> str:
    return between.join(names[:_NAMED]) + (between + "..." if len(names) > _NAMED else "")
