"""A small world for the tests of the web room: coloured rectangles instead of people, so that the rest is quick."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fake_predictor import BLUE, GREEN, PURPLE, RED, YELLOW, ColourPredictor, person, save_scene, scene
from gallery_server import write_video
from sceneseek.finder import Finder
from sceneseek.gallery import Gallery
from sceneseek.inference import discover, frames_of
from sceneseek.web import Role, Settings, Token, create_app
from sceneseek.web.tokens import digest_of

with warnings.catch_warnings():  # Starlette would rather have another client than the one that is installed
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

ADDRESS = "http://127.0.0.1:8723"
TOKENS = {"vera": Role.VIEWER, "otto": Role.OPERATOR, "kim": Role.KEEPER}


@dataclass(frozen=True)
class World:
    """A folder with media, a gallery of them, and a picture to ask with."""

    folder: Path

    @property
    def media(self) -> Path:
        return self.folder / "media"

    @property
    def query(self) -> Path:
        return self.folder / "query.png"

    def finder(self) -> Finder:
        model = ColourPredictor()
        return Finder(model, Gallery.open_or_create(self.folder / "people", model.name, model.fingerprint, 8))


def make_world(folder: Path) -> World:
    """Two cameras with photographs, one with a video of a red person; nobody is orange."""
    world = World(folder)
    save_scene(world.media / "door" / "1.png", person(RED, 0), person(BLUE, 2))
    save_scene(world.media / "door" / "2.png", person(GREEN, 1), person(RED, 3))
    save_scene(world.media / "yard" / "3.png", person(YELLOW, 0), person(PURPLE, 4), person(GREEN, 2))
    frames = (scene_of(i) for i in range(12))
    write_video(world.media / "hall" / "walk.mp4", frames, rate=2)
    save_scene(world.query, person(RED, 1), person(BLUE, 3))
    finder = world.finder()
    for camera in ("door", "hall", "yard"):
        items = discover([str(world.media / camera)], camera=camera)
        finder.index(list(items), partial(frames_of, every_s=1.0), every_s=1.0)
    return world


def scene_of(index: int) -> Any:
    """A frame of the video: a red person walks, a blue one comes."""
    return scene(person(RED, index // 3), *([person(BLUE, 4)] if index > 7 else []))


Serve = Callable[..., TestClient]


def client_of(world: World, **settings: Any) -> TestClient:
    """A client of a new server; enter it to start the server."""
    app = create_app(world.finder(), settings=Settings(**settings))
    return TestClient(app, base_url=ADDRESS, raise_server_exceptions=False)


def tokens() -> tuple[Token, ...]:
    """One token per role; each is its owner's name and ``-secret``."""
    return tuple(Token(name, role, digest_of(f"{name}-secret")) for name, role in TOKENS.items())


def bearer(name: str) -> dict[str, str]:
    """The header that somebody sends."""
    return {"Authorization": f"Bearer {name}-secret"}


def ask_with(client: TestClient, picture: Path, **options: Any) -> dict[str, Any]:
    """Send a query picture in."""
    answer = client.post("/api/queries", files={"picture": (picture.name, picture.read_bytes())}, **options)
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    return document


def index_of(query: dict[str, Any], place: int) -> int:
    """The number of the person at one of the five places of a scene."""
    return next(p["index"] for p in query["people"] if abs(p["box"][0] - (8 + 30 * place)) < 3)
