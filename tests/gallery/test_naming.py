"""Files under the names that people give them."""

from __future__ import annotations

import pytest

from sceneseek.errors import NotInGalleryError
from sceneseek.gallery import Filters
from sceneseek.gallery.naming import keys_at, keys_of, narrowed
from sceneseek.gallery.records import MediaRecord

RECORDS = [
    MediaRecord("a", "/door/a.png", "photo", ("/copies/a.png",)),
    MediaRecord("b", "/door/b.png", "photo"),
    MediaRecord("c", "/doors/c.png", "photo"),
    MediaRecord("d", "rtsp://camera/door", "stream"),
]


@pytest.mark.parametrize(
    ("named", "keys"),
    [
        (["a"], {"a"}),
        (["/door/b.png"], {"b"}),
        (["/door"], {"a", "b"}),
        (["/door/"], {"a", "b"}),
        (["/copies"], {"a"}),
        (["/"], {"a", "b", "c"}),
        (["rtsp://camera/door"], {"d"}),
        (["b", "/copies/a.png"], {"a", "b"}),
    ],
)
def test_keys_of_names(named: list[str], keys: set[str]) -> None:
    assert keys_of(RECORDS, named) == keys
    assert keys_at(RECORDS, named) == keys - {name for name in named if len(name) == 1 and name != "/"}


@pytest.mark.parametrize("name", ["/doo", "/door/b", "/door/b.png/x", "door", "", "e"])
def test_a_name_that_stands_for_nothing(name: str) -> None:
    with pytest.raises(NotInGalleryError):
        keys_of(RECORDS, [name])
    assert keys_at(RECORDS, [name]) == set()


def test_filters_are_narrowed_by_path_where_paths_tell_and_by_key_elsewhere() -> None:
    assert narrowed(Filters(), RECORDS, ["/door"]) == Filters(sources=("/door",))
    by_key = narrowed(Filters(min_score=0.5), RECORDS, ["/copies", "b"])
    assert by_key == Filters(min_score=0.5, media_keys=("a", "b"), files_said="/copies, b")
    assert by_key.described() == {"source": "/copies, b", "score": "at least 0.5"}
    both = narrowed(Filters(media_keys=("b", "c")), RECORDS, ["/copies", "b"])
    assert both.media_keys == ("b",)
    nobody = narrowed(Filters(media_keys=("c",)), RECORDS, ["/copies"])
    assert nobody.media_keys == ("",)
