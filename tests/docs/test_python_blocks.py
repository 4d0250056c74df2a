"""The Python that the README and the tutorials show runs, on pictures of the synthetic world."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sceneseek.data.synthetic import PeopleWorld, WorldSpec
from sceneseek.models.weights import shipped_names
from sceneseek.pictures import write_picture

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/tutorials/find-a-person.md", "docs/how-to/index-media.md"]


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_blocks_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    assert "dcinet-synthetic" in shipped_names()
    world = PeopleWorld(WorldSpec(seed=4, num_scenes=40, num_identities=12, difficulty="easy"))
    (tmp_path / "photographs").mkdir()
    pictures = [world.render(i) for i in range(6)]
    for number, (image, _) in enumerate(pictures):
        write_picture(image, tmp_path / "photographs" / f"{number}.jpg")
    crowded = max(pictures, key=lambda pair: len(pair[1]))[0]
    write_picture(crowded, tmp_path / "who.jpg")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {})
    assert capsys.readouterr().out.strip()
