"""Public checkpoints: every name has a place, every wrong file is refused by name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch

import published_checkpoints as published
from sceneseek.errors import UnknownModelError, WeightsError
from sceneseek.models import zoo
from sceneseek.models.convert import NETWORKS, import_checkpoint, recognised
from sceneseek.models.convert.oim_layout import blocks
from sceneseek.models.convert.rules import Translation, translate
from sceneseek.models.weights import identity_tables, working_state

CASES: dict[str, tuple[str, str, Callable[[], published.Shapes]]] = {
    "SeqNet": ("seqnet", "seqnet_resnet50", published.seqnet),
    "SeqNet, torchvision 0.14": ("seqnet", "seqnet_resnet50", lambda: published.seqnet(conv="conv.0.0")),
    "SeqNet without bn_neck": ("seqnet", "seqnet_resnet50", lambda: published.seqnet(normed=False)),
    "NAE": ("nae", "nae_resnet50", published.nae),
    "NAE, --rm_rcnn_bbox_bn": ("nae", "nae_resnet50", lambda: published.nae(normed=False)),
    "NAE+": ("nae", "nae_plus_resnet50", lambda: published.nae(cells=True)),
    "OIMNet++": ("oimnetpp", "oimnetpp_resnet50", published.oimnetpp),
    "OIMNet++ without ProtoNorm": ("oimnetpp", "oimnetpp_resnet50", lambda: published.oimnetpp(prototypes=False)),
    "AlignPS": ("alignps", "alignps_resnet50", published.alignps),
    "AlignPS+": ("alignps", "alignps_resnet50_dcn", lambda: published.alignps(deformable=True)),
    "AlignPS, PRW": ("alignps", "alignps_resnet50", lambda: published.alignps(identities=483, queue=500)),
    "ROI-AlignPS": ("roi_alignps", "roi_alignps_resnet50", published.roi_alignps),
    "OIM": ("oim", "oim_resnet50", published.oim),
    "COAT": ("coat", "coat_resnet50", published.coat),
    "COAT without bn_neck": ("coat", "coat_resnet50", lambda: published.coat(normed=False)),
}


@pytest.mark.parametrize("case", CASES)
def test_identity_tables_are_kept_where_that_is_asked_for(case: str) -> None:
    network, _, shapes = CASES[case]
    state = published.outlines(shapes())
    layout = NETWORKS[network].layout(state)
    for name in layout.tables:
        state[name] = torch.zeros(state[name].shape)
        state[name][:3, 0] = 2.0
    done = translate(state, layout, "file.pth", keep_identity_table=True)
    kept = identity_tables(done.model)
    assert {key.rpartition(".")[0] for key in kept} == {*layout.tables.values()}
    for theirs, ours in layout.tables.items():
        assert done.used[theirs] == f"{ours}.centres"
        assert torch.equal(kept[f"{ours}.centres"], state[theirs])
        assert kept[f"{ours}.seen"].sum() == 3
    assert done.model.identity_table.shape == (len(state[next(iter(layout.tables))]), done.model.embedding_dim)
    with pytest.raises(WeightsError, match="holds no identity table"):
        translate({n: v for n, v in state.items() if n not in layout.tables}, layout, "f", keep_identity_table=True)


def imported(network: str, state: dict[str, torch.Tensor]) -> Translation:
    return translate(state, NETWORKS[network].layout(state), "file.pth")


@pytest.mark.parametrize("case", CASES)
def test_every_tensor_has_its_place(case: str) -> None:
    network, builder, shapes = CASES[case]
    state = published.outlines(shapes())
    layout = NETWORKS[network].layout(state)
    assert recognised(state) == [network]
    assert layout.builder == builder
    done = translate(state, layout, "file.pth")
    assert {*done.used, *done.unused} == {*state}
    assert not {*done.used} & {*done.unused}
    assert not [name for name, ours in done.used.items() if not ours]
    # What our network needs came from the file, but for what is said to be filled or rewritten.
    ours = working_state(done.model)
    told = {*done.used.values(), *done.filled, *done.rewritten}
    assert [name for name in ours if name not in told] == []
    assert all(reason for reason in (*done.unused.values(), *done.filled.values(), *done.rewritten.values()))


@pytest.mark.parametrize("network", NETWORKS)
def test_options_are_plain_values_that_the_builder_knows(network: str) -> None:
    shapes = next(shapes for name, _, shapes in CASES.values() if name == network)
    layout = NETWORKS[network].layout(published.outlines(shapes()))
    chosen = zoo.default_options(layout.builder).changed(layout.options)
    assert {name: getattr(chosen, name) for name in layout.options} == layout.options
    assert chosen.antialias is False


def test_sizes_of_the_memories_are_read_from_the_file() -> None:
    layout = NETWORKS["seqnet"].layout(published.outlines(published.seqnet(identities=482, queue=500)))
    assert (layout.options["num_identities"], layout.options["queue_size"]) == (482, 500)
    on_prw = NETWORKS["alignps"].layout(published.outlines(published.alignps(identities=483, queue=500))).options
    assert (on_prw["oim_scale"], on_prw["oim_queue_scale"], on_prw["oim_renormalise"]) == (15.0, 10.0, True)
    on_cuhk = NETWORKS["alignps"].layout(published.outlines(published.alignps())).options
    assert (on_cuhk["oim_scale"], "oim_renormalise" in on_cuhk) == (10.0, False)


def test_the_row_of_layers_of_oim_is_counted_as_its_files_number_it() -> None:
    for block, (part, convs, norms, *_) in zip(blocks(), published.OIM_BLOCKS, strict=True):
        assert [*block.convolutions()] == [f"{part}.SpatialConvolution_{number}." for number in convs]
        assert [*block.norms()] == [f"{part}.BN_{number}." for number in norms]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_checkpoint_that_lacks_a_tensor_is_refused(network: str) -> None:
    shapes = next(shapes for name, _, shapes in CASES.values() if name == network)()
    state = published.outlines(shapes)
    gone = next(name for name in state if name.endswith(("1.conv2.weight", "Convolution_25.weight")))
    del state[gone]
    with pytest.raises(WeightsError, match=r"file\.pth lacks 1 tensor .*conv.\.weight.*nothing was stored"):
        imported(network, state)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_tensor_without_a_place_is_refused(network: str) -> None:
    shapes = next(shapes for name, _, shapes in CASES.values() if name == network)()
    state = published.outlines(shapes) | published.outlines({"backbone.extra.weight": (3,)})
    with pytest.raises(WeightsError, match=r"1 tensor of the file has no place in .*backbone\.extra\.weight"):
        imported(network, state)


def test_another_shape_is_refused_with_both() -> None:
    shapes = published.seqnet() | {"roi_heads.embedding_head.projectors.feat_res5.0.weight": (64, 2048)}
    with pytest.raises(WeightsError, match=r"feat_res5\.0\.weight is \(64, 2048\), \(128, 2048\) was expected"):
        imported("seqnet", published.outlines(shapes))
    five_anchors = published.seqnet() | published.layer("rpn.head.cls_logits", 5, 1024, 1, 1)
    with pytest.raises(WeightsError, match=r"2 tensors of the file do not fit seqnet_resnet50"):
        imported("seqnet", published.outlines(five_anchors))


def test_both_names_of_the_proposal_head_at_once_are_refused() -> None:
    shapes = published.seqnet() | published.proposals(15, conv="conv.0.0")
    with pytest.raises(WeightsError, match="both belong at"):
        imported("seqnet", published.outlines(shapes))


def test_what_search_does_not_read_may_be_missing() -> None:
    shapes = published.roi_alignps()
    state = published.outlines({name: s for name, s in shapes.items() if not name.startswith(("rpn_head.", "mi_"))})
    done = imported("roi_alignps", state)
    reasons = {reason for name, reason in done.filled.items() if name.startswith("proposals.")}
    assert reasons == {"proposals serve training alone; 0 stands there"}
    state = {n: v for n, v in published.outlines(published.seqnet()).items() if not n.endswith("num_batches_tracked")}
    assert "a counter of training steps; 0 stands there" in imported("seqnet", state).filled.values()


def test_numbers_that_are_not_finite_are_refused() -> None:
    state = published.outlines(published.seqnet())
    sick = torch.zeros(128)
    sick[3] = torch.nan
    state["roi_heads.embedding_head.projectors.feat_res4.1.bias"] = sick
    with pytest.raises(
        WeightsError, match=r"1 tensor of the file holds numbers that are not finite.*feat_res4\.1\.bias"
    ):
        imported("seqnet", state)


def test_a_file_of_another_network_is_told_apart(tmp_path) -> None:
    path = tmp_path / "nae.pth"
    names = {name: torch.zeros(1) for name in published.nae()}
    torch.save({"model": names, "epoch": 22}, path)
    with pytest.raises(WeightsError, match=r"no checkpoint of SeqNet .*looks like NAE and NAE\+: import it --as nae"):
        import_checkpoint(path, "seqnet", tmp_path / "out.safetensors")
    torch.save({"fc.weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match=r"Its first names are fc\.weight; those of AlignPS"):
        import_checkpoint(path, "alignps", tmp_path / "out.safetensors")
    assert [*tmp_path.iterdir()] == [path]


def test_names_and_endings_are_checked_first(tmp_path) -> None:
    with pytest.raises(UnknownModelError, match=r"'seqnett'.*seqnet"):
        import_checkpoint(tmp_path / "x.pth", "seqnett", tmp_path / "out.safetensors")
    with pytest.raises(WeightsError, match=r"must end in \.safetensors"):
        import_checkpoint(tmp_path / "x.pth", "seqnet", tmp_path / "out.pth")


def test_every_network_says_whose_it_is_and_under_which_licence() -> None:
    for network in NETWORKS.values():
        assert all(dataclasses.asdict(network)[field] for field in ("title", "source", "licence", "marks"))
        assert network.source.startswith("github.com/")
        assert "for research" in network.licence or "is for research" in network.licence
