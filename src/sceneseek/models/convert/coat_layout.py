"""COAT: a program on torchvision's detection classes whose heads are transformers, some modules under two names."""

from __future__ import annotations

from sceneseek.models.convert.rewrites import identity_norm
from sceneseek.models.convert.rules import Layout, PublishedNetwork, Rewrite, State
from sceneseek.models.convert.torchvision_layouts import BEHAVIOUR, LEARNT, PROPOSALS, STEM, WEIGHTED, memory_sizes

_LATER = {"2nd": "heads.second.", "3rd": "heads.third."}
_NEVER = "made by the published program and never asked"
_BLOCK = {
    "patch2vec.": "to_tokens.",
    "transblock.norm1.": "block.first_norm.",
    "transblock.attention.query_embedding.": "block.attention.query.",
    "transblock.attention.key_embedding.": "block.attention.key.",
    "transblock.attention.value_embedding.": "block.attention.value.",
    "transblock.attention.output_linear.": "block.attention.project.",
    "transblock.norm2.": "block.second_norm.",
    "transblock.ffn.conv.0.": "block.feed_forward.0.",
    "transblock.ffn.conv.3.": "block.feed_forward.2.",
    "vec2patch.embedding.": "to_patches.",
}
"""Of one size of token; where theirs counts a dropout among the layers, ours does not."""


def _transformer(theirs: str, ours: str) -> dict[str, str]:
    table = {f"{theirs}conv1.": f"{ours}enter.", f"{theirs}conv2.": f"{ours}leave."}
    for number, scale in enumerate(("scale1", "scale2")):
        block = f"{theirs}transformer_encoder.blocks.{scale}.0."
        table |= {block + name: f"{ours}scales.{number}.{mine}" for name, mine in _BLOCK.items()}
    return table


def _transformer_unused(theirs: str) -> dict[str, str]:
    table = {f"{theirs}transformer_encoder.output_linear.": f"a convolution {_NEVER}"}
    for scale in ("scale1", "scale2"):
        table[f"{theirs}transformer_encoder.blocks.{scale}.0.transformer."] = "a second name of transblock"
    return table


def _later_stage(state: State, which: str, ours: str) -> tuple[dict[str, str], list[Rewrite]]:
    """The table of the second or third stage, and what its box regressor needs beside it."""
    head, embedding = f"roi_heads.box_head_{which}.", f"roi_heads.embedding_head_{which}."
    box = f"roi_heads.box_predictor_{which}.bbox_pred."
    normed = any(key.startswith(f"{box}1.") for key in state)
    table = {
        **_transformer(head, f"{ours}tail."),
        f"{head}conv0.": f"{ours}beside.",
        f"{embedding}projectors.before_trans.": f"{ours}embedding.projectors.0.",
        f"{embedding}projectors.after_trans.": f"{ours}embedding.projectors.1.",
        f"{embedding}rescaler.": f"{ours}embedding.rescaler.",
        box: f"{ours}box.bbox_pred." + ("" if normed else "0."),
    }
    return table, [] if normed else [identity_norm(f"{ours}box.bbox_pred.0.", f"{ours}box.bbox_pred.1.")]


def coat_layout(state: State) -> Layout:
    """COAT: a detector, and two stages that embed."""
    names = {
        **STEM,
        **PROPOSALS,
        **_transformer("roi_heads.box_head_1st.", "detector.roi_heads.box_head.tail."),
        "roi_heads.box_predictor_1st.": "detector.roi_heads.box_predictor.",
    }
    unused = {
        "roi_heads.box_head.": "a second name of roi_heads.box_head_1st",
        "roi_heads.box_predictor.": "a second name of roi_heads.box_predictor_2nd",
        "roi_heads.box_head_1st.conv0.": f"a convolution {_NEVER}",
        **_transformer_unused("roi_heads.box_head_1st."),
    }
    rewrites: list[Rewrite] = []
    for which, ours in _LATER.items():
        table, more = _later_stage(state, which, ours)
        names |= table
        rewrites += more
        unused |= _transformer_unused(f"roi_heads.box_head_{which}.")
        unused[f"roi_heads.reid_loss_{which}."] = LEARNT
    sizes = memory_sizes(state, "roi_heads.reid_loss_2nd.lut", "roi_heads.reid_loss_2nd.cq")
    return Layout(
        builder="coat_resnet50",
        options={
            **BEHAVIOUR,
            **sizes,
            "det_positive_fraction": 0.25,
            "later_overlaps": (0.6, 0.7),
            "later_nms_thresholds": (0.4, 0.5),
        },
        names=names,
        unused=unused,
        rewrites=tuple(rewrites),
        remarks=(WEIGHTED,),
        tables={
            "roi_heads.reid_loss_2nd.lut": "identity.second.table",
            "roi_heads.reid_loss_3rd.lut": "identity.third.table",
        },
    )


COAT = PublishedNetwork(
    name="coat",
    title="COAT",
    source="github.com/Kitware/COAT (Yu et al., 2022)",
    licence="code: BSD-3-Clause; weights learnt on CUHK-SYSU or PRW, which are for research",
    marks=("roi_heads.box_head_3rd.", "roi_heads.embedding_head_3rd.", "roi_heads.box_predictor_1st."),
    layout=coat_layout,
)
