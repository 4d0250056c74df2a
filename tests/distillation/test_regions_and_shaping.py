import pytest
import torch
import torch.nn.functional as F

from sceneseek.distillation import regions, shaping


def test_cells_of_people_of_background_and_of_padding():
    boxes = [torch.tensor([[1.0, 1.0, 15.0, 7.0], [0.0, 0.0, 8.0, 8.0]]), torch.zeros(0, 4)]
    people = regions.people_mask(boxes, 8, (3, 3))
    assert people[0, 0].tolist() == [[True, True, False], [False] * 3, [False] * 3]
    assert not people[1].any()
    pictures = regions.picture_mask([(24, 17), (9, 24)], 8, (3, 3), torch.device("cpu"))
    assert pictures[0].all()
    assert pictures[1, 0].tolist() == [[True] * 3, [True] * 3, [False] * 3]
    shares = regions.foreground_shares(boxes, 8, (3, 3))
    assert shares[0, 0, 0].tolist() == [1.0, 0.5, 0.0]  # where two people overlap the smaller one counts
    around = regions.background_shares(pictures & ~people)
    torch.testing.assert_close(around.sum(dim=(1, 2, 3)), torch.ones(2))


def test_boxes_that_leave_the_map():
    rows, columns = regions.cells_of(torch.tensor([-9.0, 20.0, 99.0, 80.0]), 8, (3, 4))
    assert (rows, columns) == (slice(2, 3), slice(0, 4))
    assert regions.foreground_shares([torch.tensor([[40.0, 0.0, 60.0, 8.0]])], 8, (3, 4)).sum() == 0


def test_cells_near_people_have_a_good_anchor():
    mask = regions.near_anchors([torch.tensor([[32.0, 16.0, 64.0, 80.0]])], 16, (6, 6), sides=(45.0,), ratios=(2.0,))
    assert mask[0, 0, 2:4, 2:4].any()
    assert not mask[0, 0, :, 5].any()
    assert not regions.near_anchors([torch.zeros(0, 4)], 16, (6, 6)).any()


def test_a_map_that_fits_is_left_alone():
    maps = torch.rand(1, 2, 3, 4)
    assert shaping.resampled(maps, 8, [(24, 32)], 8, [(24, 32)], (3, 4)) is maps


def test_resampling_is_bilinear_interpolation_where_nothing_is_padded():
    maps = torch.rand(2, 3, 6, 5)
    wanted = F.interpolate(maps, size=(12, 10), mode="bilinear")
    got = shaping.resampled(maps, 8, [(48, 40)] * 2, 8, [(96, 80)] * 2, (12, 10))
    torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def test_resampling_looks_at_the_picture_and_not_at_its_padding():
    """A ramp over the picture is the same ramp on the other grid, though the two batches are padded differently."""
    own = ((torch.arange(8.0) + 0.5) * 8 / 40).expand(1, 1, 2, 8)  # a picture 40 wide on a canvas of 64
    got = shaping.resampled(own, 8, [(16, 40)], 8, [(16, 80)], (2, 10))
    wanted = (torch.arange(10.0) + 0.5) * 8 / 80
    torch.testing.assert_close(got[0, 0, 0, 1:], wanted[1:])


@pytest.mark.parametrize(("own", "wanted"), [(4, 4), (4, 6)])
def test_adapters_are_there_only_where_widths_differ(own, wanted):
    assert bool(list(shaping.adapter(own, wanted).parameters())) == (own != wanted)
    assert shaping.adapter(own, wanted)(torch.zeros(1, own, 2, 2)).shape == (1, wanted, 2, 2)
    assert shaping.projection(own, wanted)(torch.zeros(3, own)).shape == (3, wanted)
