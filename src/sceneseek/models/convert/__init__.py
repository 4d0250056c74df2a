"""Public checkpoints of person search networks, made into files of ours.

Each network has a table of names (``..._layouts``), read against its authors' public definition; what names alone do
not settle is rewritten exactly (``rewrites``). Nothing is guessed: a tensor without a place, one that is missing or one
of another shape refuses the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sceneseek.errors import UnknownModelError, WeightsError, suggest
from sceneseek.models.convert.coat_layout import COAT
from sceneseek.models.convert.mmdetection_layouts import ALIGNPS, ROI_ALIGNPS
from sceneseek.models.convert.oim_layout import OIM
from sceneseek.models.convert.rules import PublishedNetwork, translate
from sceneseek.models.convert.torchvision_layouts import NAE, OIMNETPP, SEQNET
from sceneseek.models.registry import sha256_of
from sceneseek.models.tensor_files import read_tensors
from sceneseek.models.weights import ModelInfo, save_model

__all__ = ["NETWORKS", "ImportReport", "PublishedNetwork", "import_checkpoint", "recognised"]

NETWORKS: dict[str, PublishedNetwork] = {
    network.name: network for network in (SEQNET, NAE, OIM, ALIGNPS, ROI_ALIGNPS, OIMNETPP, COAT)
}
"""Networks whose checkpoints can be imported, by what ``--as`` calls them."""


@dataclass(frozen=True)
class ImportReport:
    """What became of a checkpoint.

    Attributes:
        network: What ``--as`` called it.
        checkpoint: The file.
        checkpoint_sha256: Its hash.
        beside: What else lay in it, not read: optimiser, epoch.
        used: Published name to ours.
        rewritten: Our name to what was done beyond renaming.
        filled: Our name to why it was not in the file, and what stands there.
        unused: Published name to the reason.
        options: Of the builder: what makes the network behave as published.
        remarks: What differs in spite of all, and what evaluation should be told.
        stored: The file that was made.
    """

    network: str
    checkpoint: str
    checkpoint_sha256: str
    beside: dict[str, str]
    used: dict[str, str]
    rewritten: dict[str, str]
    filled: dict[str, str]
    unused: dict[str, str]
    options: dict[str, Any]
    remarks: tuple[str, ...]
    stored: ModelInfo


def import_checkpoint(
    path: str | Path,
    network: str,
    out: str | Path,
    *,
    half: bool = False,
    note: str = "",
    keep_identity_table: bool = False,
) -> ImportReport:
    """Make a public checkpoint into a file of weights that every command reads.

    Args:
        path: A file of ``torch.save`` or safetensors; only tensors are read, nothing in it is run.
        network: A name of ``NETWORKS``.
        out: Ends in ``.safetensors``.
        half: Store half precision: half the size, and numbers that differ from the published ones in the fourth digit.
        note: Where the file came from, for its note.
        keep_identity_table: Store the rows that training kept for each person, too: a teacher answers with them.

    Raises:
        UnknownModelError: No network is called so.
        WeightsError: The file is no checkpoint of that network, whole and finite; or ``out`` has another ending.
    """
    path, out = Path(path), Path(out)
    if network not in NETWORKS:
        raise UnknownModelError(
            f"no published network is known as {network!r}.{suggest(network, list(NETWORKS))} There are "
            f"{', '.join(NETWORKS)}."
        )
    if out.suffix != ".safetensors":
        raise WeightsError(f"{out} must end in .safetensors, for that is what is stored; found {out.suffix!r}.")
    published = NETWORKS[network]
    file = read_tensors(path)
    _refuse_another(file.tensors, published, path)
    layout = published.layout(file.tensors)
    done = translate(file.tensors, layout, str(path), keep_identity_table=keep_identity_table)
    digest = sha256_of(path)
    info = {
        "network": published.title,
        "source": note or published.source,
        "definition": published.source,
        "licence": published.licence,
        "checkpoint": path.name,
        "checkpoint_sha256": digest,
    }
    stored = save_model(
        done.model,
        out,
        builder=layout.builder,
        options=layout.options,
        info=info,
        dtype=torch.float16 if half else torch.float32,
        keep_identity_table=keep_identity_table,
    )
    return ImportReport(
        network=network,
        checkpoint=str(path),
        checkpoint_sha256=digest,
        beside=file.beside,
        used=done.used,
        rewritten=done.rewritten,
        filled=done.filled,
        unused=done.unused,
        options=layout.options,
        remarks=layout.remarks,
        stored=stored,
    )


def recognised(state: Mapping[str, torch.Tensor]) -> list[str]:
    """Names of the networks whose marks a checkpoint has."""
    return [name for name, network in NETWORKS.items() if network.recognises(state)]


def _refuse_another(state: Mapping[str, torch.Tensor], published: PublishedNetwork, path: Path) -> None:
    if published.recognises(state):
        return
    others = recognised(state)
    advice = (
        f"It looks like {NETWORKS[others[0]].title}: import it --as {others[0]}."
        if others
        else f"Its first names are {', '.join(list(state)[:3])}; those of {published.title} begin with "
        f"{', '.join(published.marks)} among others."
    )
    raise WeightsError(f"{path} is no checkpoint of {published.title} ({published.source}). {advice}")
