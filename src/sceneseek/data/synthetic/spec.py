"""What a world of people is made from: every number that decides it."""

from __future__ import annotations

from dataclasses import dataclass

from sceneseek.data.synthetic.checks import refuse_below, refuse_no_share
from sceneseek.errors import ValueRefused, suggest

DIFFICULTIES = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Difficulty:
    """How unkind a world is.

    Attributes:
        colour: Spread of the cameras' colour response.
        exposure: Spread of brightness between scenes, in stops.
        blur: Largest defocus, pixels (standard deviation).
        noise: Largest noise, part of full scale.
        jpeg: Lowest and highest JPEG quality.
        crowd: Mean number of people in a scene.
        smallest: Least height of a person, as a part of the picture's height.
        largest: Greatest height of a person, as a part of the picture's height; above 1 the picture cuts them.
        occluders: Mean number of things that stand about.
        twins: Attributes in which a look-alike differs.
        light: Spread of the light between people of one scene, and the part of them that stand in shade.
    """

    colour: float
    exposure: float
    blur: float
    noise: float
    jpeg: tuple[int, int]
    crowd: float
    smallest: float
    largest: float
    occluders: float
    twins: int
    light: float


_LEVELS = {
    "easy": Difficulty(0.05, 0.12, 0.5, 0.008, (85, 95), 2.8, 0.25, 0.85, 1.5, 4, 0.04),
    "medium": Difficulty(0.13, 0.3, 1.0, 0.022, (55, 95), 4.5, 0.11, 1.1, 3.0, 3, 0.1),
    "hard": Difficulty(0.2, 0.4, 1.6, 0.045, (30, 92), 6.5, 0.09, 1.35, 4.0, 2, 0.15),
}


@dataclass(frozen=True)
class WorldSpec:
    """Describes a world; equal specs make equal worlds, bit for bit.

    Attributes:
        seed: Decides everything that is left to chance.
        num_scenes: Scenes in all, training and test together.
        num_identities: Labelled identities in all; training and test share none.
        num_cameras: Cameras; each has its own places, colour response and quality.
        width: Picture width, pixels.
        height: Picture height, pixels.
        difficulty: ``"easy"``, ``"medium"`` or ``"hard"``.
        test_share: Part of the scenes and of the identities that is kept for the test.
        lookalike_share: Part of the identities that are dressed nearly as another one.
        uniform_share: Part of the people, labelled or not, who wear one and the same uniform.
        unlabelled_share: Part of the people in scenes whose identity is not given.
        empty_share: Part of the scenes in which nobody is.
        fixed_cameras: Whether a camera always sees the same place; otherwise the place changes every few scenes.
        scenes_per_place: Scenes that share a place, when cameras are not fixed.
        gallery_size: Longest gallery of a query, in images.
    """

    seed: int = 0
    num_scenes: int = 600
    num_identities: int = 120
    num_cameras: int = 6
    width: int = 640
    height: int = 384
    difficulty: str = "medium"
    test_share: float = 0.4
    lookalike_share: float = 0.3
    unlabelled_share: float = 0.2
    empty_share: float = 0.04
    fixed_cameras: bool = False
    scenes_per_place: int = 4
    gallery_size: int = 400
    uniform_share: float = 0.0

    def __post_init__(self) -> None:
        if self.difficulty not in DIFFICULTIES:
            raise ValueRefused(
                f"WorldSpec: unknown difficulty {self.difficulty!r}.{suggest(self.difficulty, DIFFICULTIES)}"
            )
        refuse_below(
            self,
            {
                "seed": 0,
                "num_scenes": 2,
                "num_identities": 4,
                "num_cameras": 2,
                "width": 96,
                "height": 64,
                "scenes_per_place": 1,
                "gallery_size": 1,
            },
        )
        refuse_no_share(self, ("test_share", "lookalike_share", "uniform_share", "unlabelled_share", "empty_share"))

    @property
    def level(self) -> Difficulty:
        """The numbers behind the difficulty's name."""
        return _LEVELS[self.difficulty]

    @property
    def num_test_scenes(self) -> int:
        """Scenes kept for the test; they follow the training scenes."""
        return min(max(1, round(self.num_scenes * self.test_share)), self.num_scenes - 1)

    @property
    def num_train_scenes(self) -> int:
        """Scenes to train on; they come first."""
        return self.num_scenes - self.num_test_scenes

    @property
    def num_train_identities(self) -> int:
        """Identities to train on; they come first."""
        return min(max(2, round(self.num_identities * (1.0 - self.test_share))), self.num_identities - 2)
