import pytest
import torch

from sceneseek.models.backbones import Level, Tail
from sceneseek.models.heads.norm_aware import (
    NormAwareEmbedding,
    NormAwareHead,
    NormedBoxRegressor,
    PixelNormAwareHead,
    RegionNorm,
    cell_coverage,
)
from sceneseek.models.trunk import RegionPooling


def tail(channels=6, out_channels=8):
    torch.manual_seed(0)
    return Tail(torch.nn.Sequential(torch.nn.Conv2d(channels, out_channels, 3, stride=2, padding=1)), out_channels)


def pooling():
    return RegionPooling(Level("map", 8, 6), (6, 4))


MAPS = {"map": torch.rand(1, 6, 12, 12, generator=torch.Generator().manual_seed(0))}
BOXES = [torch.tensor([[0.0, 0.0, 40.0, 90.0], [20.0, 10.0, 60.0, 80.0], [50.0, 0.0, 90.0, 95.0]])]


def test_direction_is_the_embedding_and_length_the_score():
    torch.manual_seed(0)
    head = NormAwareEmbedding((5, 3), 7).eval()
    with torch.no_grad():
        head.rescaler.weight.fill_(2.0)
        head.rescaler.bias.fill_(-0.5)
    vectors = (torch.randn(4, 5), torch.randn(4, 3))
    embeddings, logits, features = head(vectors)
    joined = torch.cat([project(v) for project, v in zip(head.projectors, vectors, strict=True)], dim=1)
    assert [p[0].out_features for p in head.projectors] == [4, 3]
    torch.testing.assert_close(features, joined)
    torch.testing.assert_close(embeddings * joined.norm(dim=1, keepdim=True), joined)
    wanted = 2.0 * joined.norm(dim=1) / (1.0 + head.rescaler.eps) ** 0.5 - 0.5
    torch.testing.assert_close(logits, wanted)


def test_a_region_is_read_twice_and_pooled_by_maximum():
    head = NormAwareHead(pooling(), 6, tail(), 10).eval()
    answers = head(MAPS, BOXES)
    regions = head.pooling(MAPS, BOXES)
    described = head.tail(regions).amax(dim=(2, 3))
    embeddings, logits, _ = head.embedding((regions.amax(dim=(2, 3)), described))
    torch.testing.assert_close(answers.embeddings, embeddings)
    torch.testing.assert_close(answers.logits, logits)
    torch.testing.assert_close(answers.codes, head.box.bbox_pred(described)[:, 4:])


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("kind", [NormAwareHead, PixelNormAwareHead])
def test_any_number_of_regions(kind, count):
    head = kind(pooling(), 6, tail(), 10)
    for mode in (True, False):
        answers = head.train(mode)(MAPS, [BOXES[0][:count]])
        assert answers.embeddings.shape == (count, 10)
        assert answers.codes.shape == (count, 4)
        assert answers.logits.shape == (count,)
        assert all(torch.isfinite(t).all() for t in (answers.embeddings, answers.codes, answers.logits))


def test_one_region_has_no_spread():
    norm = RegionNorm(3).train()
    norm(torch.rand(8, 3))
    seen = norm.running_mean.clone()
    row = torch.rand(1, 3)
    torch.testing.assert_close(norm(row), norm.eval()(row))
    assert torch.equal(norm.running_mean, seen)
    many = torch.rand(5, 3)
    torch.testing.assert_close(norm.train()(many), torch.nn.BatchNorm1d(3)(many))


def test_box_codes_are_normalised_over_regions():
    codes = NormedBoxRegressor(4).train()
    with torch.no_grad():
        codes.bbox_pred[1].weight.fill_(1.0)
    out = codes(torch.randn(50, 4))
    torch.testing.assert_close(out.mean(dim=0), torch.zeros(4), atol=1e-5, rtol=0)
    assert (out.std(dim=0) > 0.5).all()


def test_attention_shortens_what_is_no_person():
    head = PixelNormAwareHead(pooling(), 6, tail(), 10).eval()
    with torch.no_grad():
        head.rescaler.bias.fill_(-3.0)
    low = head(MAPS, BOXES)
    assert low.cell_logits.shape == (3, 3, 2)
    assert (low.features.norm(dim=1) <= low.cell_logits.sigmoid().amax(dim=(1, 2)) + 1e-6).all()
    torch.testing.assert_close(low.logits.sigmoid(), low.cell_logits.sigmoid().mean(dim=(1, 2)))
    torch.testing.assert_close(low.embeddings.norm(dim=1), torch.ones(3))


def test_cells_are_covered_as_a_fine_grid_counts_it():
    regions = torch.tensor([[10.0, 20.0, 50.0, 100.0], [0.0, 0.0, 8.0, 8.0]])
    people = torch.tensor([[13.0, 31.0, 44.0, 130.0], [20.0, 20.0, 30.0, 30.0]])
    coverage = cell_coverage(regions, people, (4, 3))
    fine = 600
    for region, person, cells in zip(regions, people, coverage, strict=True):
        xs = region[0] + (torch.arange(fine) + 0.5) / fine * (region[2] - region[0])
        ys = region[1] + (torch.arange(fine) + 0.5) / fine * (region[3] - region[1])
        inside = ((ys > person[1]) & (ys < person[3]))[:, None] & ((xs > person[0]) & (xs < person[2]))
        counted = torch.nn.functional.adaptive_avg_pool2d(inside.float()[None, None], (4, 3))[0, 0]
        torch.testing.assert_close(cells, counted, atol=0.01, rtol=0)
    assert coverage[1].sum() == 0
