"""One scene: people and things in a place, in front of a camera, with the truth about who is where."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from sceneseek.data.synthetic.appearance import Appearance
from sceneseek.data.synthetic.noise import Rng
from sceneseek.data.synthetic.person import assemble
from sceneseek.data.synthetic.place import Place
from sceneseek.data.synthetic.pose import Skeleton, draw_pose, stand
from sceneseek.data.synthetic.raster import Light, Patch, Solid, Tube, paint, threefold
from sceneseek.data.synthetic.spec import Difficulty
from sceneseek.data.synthetic.things import draw_thing
from sceneseek.data.synthetic.viewpoint import Viewpoint
from sceneseek.data.synthetic.wardrobe import Wardrobe
from sceneseek.structures import FloatArray, IntArray

LEAST_VISIBLE = 0.15
"""People of whom less is visible are marked to be ignored."""

LEAST_HEIGHT = 22.0
"""People whose box is lower than this many pixels are marked to be ignored."""

_DROPPED = 0.03


@dataclass(frozen=True)
class Actor:
    """Somebody to put into a scene: their label, and what they look like."""

    person_id: int
    look: Appearance
    wear: Wardrobe


@dataclass(frozen=True, eq=False)
class Truth:
    """Who is where in a scene.

    Attributes:
        boxes: ``(N, 4)`` float32 ``xyxy``: the whole person, hidden parts included, clipped to the picture.
        person_ids: ``(N,)`` int64.
        visibility: ``(N,)`` float32, the visible part of the whole person's pixels, those outside the picture included.
        ignore: ``(N,)`` bool.
        owner: ``(H, W)`` int16, for each pixel the row of whom it shows, -1 where it shows nobody.
    """

    boxes: FloatArray
    person_ids: IntArray
    visibility: FloatArray
    ignore: np.ndarray[tuple[int], np.dtype[np.bool_]]
    owner: np.ndarray[tuple[int, int], np.dtype[np.int16]]


@dataclass
class _Standing:
    """Somebody or something in its place."""

    x: float
    z: float
    solids: list[Solid]
    forward: np.ndarray[tuple[int], np.dtype[np.float64]]
    actor: int
    feet: np.ndarray[tuple[int, int], np.dtype[np.float64]] | None


def cut(place: Place, width: int, height: int, rng: Rng, fixed: bool) -> tuple[FloatArray, Viewpoint]:
    """Cut a scene's background from a place: a little shifted and zoomed each time, and mirrored half of the time.

    Returns:
        A fresh ``(height, width, 3)`` picture and the camera for it.
    """
    view = place.view
    slack = min(view.width / width, view.height / height)
    zoom = 1.0 / slack if fixed else float(rng.uniform(1.0 / slack, 1.0))
    room_x, room_y = view.width * zoom - width, view.height * zoom - height
    part_x, part_y = (0.5, 0.5) if fixed else (float(rng.random()), float(rng.random()))
    shift_x, shift_y = -room_x * part_x, -room_y * part_y
    seen = view.jittered(zoom, shift_x, shift_y)
    matrix = np.array([[zoom, 0, 0.5 * zoom - 0.5 + shift_x], [0, zoom, 0.5 * zoom - 0.5 + shift_y]])
    size = (width, height)
    part = cv2.warpAffine(place.picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    picture = np.asarray(part, np.uint8)
    seen = Viewpoint(seen.elevation, seen.pitch, seen.focal, seen.centre_x, seen.centre_y, width, height)
    if not fixed and rng.random() < 0.5:
        picture = np.asarray(cv2.flip(picture, 1), np.uint8)
        seen = Viewpoint(seen.elevation, seen.pitch, seen.focal, width - seen.centre_x, seen.centre_y, width, height)
    canvas = picture.astype(np.float32)
    canvas *= np.float32(1 / 255)
    return canvas, seen


def _spot(
    rng: Rng, place: Place, view: Viewpoint, level: Difficulty, taken: list[_Standing]
) -> tuple[float, float] | None:
    """Find a free place on the floor that gives a person a fitting size in the picture."""
    low, high = math.log(level.smallest * view.height), math.log(level.largest * view.height)
    for _ in range(14):
        tall = math.exp(rng.uniform(low, high))
        z = min(max(view.focal * 1.7 * math.cos(view.pitch) / tall, place.near), place.far)
        group = [s for s in taken if s.actor >= 0]
        if group and rng.random() < 0.3:
            mate = group[int(rng.integers(len(group)))]
            angle, apart = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 0.9)
            x, z = mate.x + apart * math.cos(angle), mate.z + apart * math.sin(angle)
        else:
            reach = 0.5 * view.width / view.focal * z
            x = float(rng.uniform(-1.03, 1.03) * reach + (view.width / 2 - view.centre_x) / view.focal * z)
        if (abs(x) > place.half_width and place.indoors) or z < place.near * 0.8:
            continue
        if not _in_sight(view, x, z):
            continue
        if any((x - s.x) ** 2 + (z - s.z) ** 2 < 0.42**2 for s in taken):
            continue
        return x, z
    return None


def _in_sight(view: Viewpoint, x: float, z: float) -> bool:
    """Whether a person at a point of the floor shows enough of themselves, their head above all."""
    _, head_y, head_z = view.see(x, 1.65, z)
    _, foot_y, foot_z = view.see(x, 0.0, z)
    if min(head_z, foot_z) < 0.5:
        return False
    head, foot = view.centre_y + view.focal * head_y / head_z, view.centre_y + view.focal * foot_y / foot_z
    whole = max(foot - head, 1.0)
    inside = min(foot, view.height) - max(head, 0.0)
    return inside > 0.35 * whole and head > -0.2 * whole and whole < 2.2 * view.height


def _stand(actor: Actor, index: int, spot: tuple[float, float], rng: Rng, mates: list[_Standing]) -> _Standing:
    x, z = spot
    near = [m for m in mates if (m.x - x) ** 2 + (m.z - z) ** 2 < 1.0]
    if near and rng.random() < 0.6:
        other = near[0].forward
        yaw = math.atan2(other[0], other[2]) + rng.normal(0, 0.25)
    else:
        yaw = float(rng.uniform(0, 2 * math.pi))
    bones: Skeleton = stand(actor.look.body, draw_pose(rng, yaw, bool(rng.random() < 0.6)), x, z)
    solids: list[Solid] = list(assemble(actor.look, actor.wear, bones, rng))
    feet = 0.5 * (bones.ankles + bones.toes)
    return _Standing(x, z, solids, bones.forward, index, feet)


def populate(actors: list[Actor], place: Place, view: Viewpoint, level: Difficulty, rng: Rng) -> list[_Standing]:
    """Find a place for everybody and for some things; those for whom there is no room stay out."""
    standing: list[_Standing] = []
    for index, actor in enumerate(actors):
        spot = _spot(rng, place, view, level, standing)
        if spot is not None:
            standing.append(_stand(actor, index, spot, rng, standing))
    for _ in range(int(rng.poisson(level.occluders))):
        spot = _spot(rng, place, view, level, standing)
        if spot is not None and spot[1] > 1.4 * place.near:
            away = np.array([0.0, 0.0, -1.0])
            standing.append(_Standing(*spot, draw_thing(rng, place.indoors, *spot), away, -1, None))
    standing.sort(key=lambda s: -s.z)
    return standing


def _contact(
    canvas: FloatArray,
    view: Viewpoint,
    at: np.ndarray[tuple[int], np.dtype[np.float64]],
    radius: float,
    strength: float,
) -> None:
    """Darken the floor around a point that something stands on."""
    ((x, y),), (scale,) = view.project(at[None])
    rx = radius * scale
    ry = max(rx * math.sin(min(max(math.atan2(view.elevation, at[2]), 0.06), 1.4)), 1.0)
    left, right = max(0, int(x - 2.2 * rx)), min(view.width, int(x + 2.2 * rx) + 2)
    top, bottom = max(0, int(y - 2.2 * ry)), min(view.height, int(y + 2.2 * ry) + 2)
    if left >= right or top >= bottom:
        return
    dx = (np.arange(left, right, dtype=np.float32) + 0.5 - np.float32(x)) / np.float32(rx)
    dy = (np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5 - np.float32(y)) / np.float32(ry)
    canvas[top:bottom, left:right] *= (1.0 - np.float32(strength) * np.exp(-(dx * dx + dy * dy)))[..., None]


def _cast_shadow(canvas: FloatArray, view: Viewpoint, solids: list[Solid], sun: tuple[float, float]) -> None:
    """Throw the shadow of round bodies on the floor."""
    segments = []
    for solid in solids:
        if not isinstance(solid, Tube):
            continue
        ends = np.stack([solid.start, solid.end])
        ends = ends + ends[:, 1:2] * np.array([sun[0], -1.0, sun[1]])
        if view.to_camera(ends)[:, 2].min() < 0.5:
            continue
        pixels, scale = view.project(ends)
        segments.append((pixels, max(1, round(1.6 * float(np.mean(solid.wide)) * float(scale.mean())))))
    if not segments:
        return
    points = np.concatenate([p for p, _ in segments])
    low = np.floor(points.min(axis=0)).astype(int) - 24
    high = np.ceil(points.max(axis=0)).astype(int) + 24
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), view.width), min(int(high[1]), view.height)
    if right - left < 2 or bottom - top < 2:
        return
    mask = np.zeros((bottom - top, right - left), np.uint8)
    for pixels, thick in segments:
        (x0, y0), (x1, y1) = np.clip((pixels - np.array([left, top])) * 8.0, -1e6, 1e6).astype(int).tolist()
        cv2.line(mask, (x0, y0), (x1, y1), 255, min(thick, 255), cv2.LINE_AA, 3)
    soft = np.asarray(cv2.GaussianBlur(mask, (0, 0), 1.5), np.float32)
    canvas[top:bottom, left:right] *= threefold(1.0 - np.float32(0.42 / 255) * soft)


def _mirror(canvas: FloatArray, view: Viewpoint, patch: Patch, foot: float, gloss: float) -> None:
    """Show somebody in a polished floor, upside down and fading."""
    start, stop = max(0, round(foot)), min(view.height, round(foot) + int(0.5 * (foot - patch.top)))
    left, right = max(0, patch.left), min(view.width, patch.right)
    if stop - start < 2 or right <= left or start < 1:
        return
    rows = np.clip(2 * round(foot) - np.arange(start, stop) - patch.top - 1, 0, patch.alpha.shape[0] - 1)
    columns = slice(left - patch.left, right - patch.left)
    fade = np.linspace(gloss, 0.0, stop - start, dtype=np.float32)[:, None, None]
    target = canvas[start:stop, left:right]
    target *= 1.0 - fade * patch.alpha[rows, columns, None]
    target += fade * patch.colour[rows, columns]


def _relit(light: Light, level: Difficulty, rng: Rng) -> Light:
    """The light as it is where somebody stands: a little more or less of it, or shade."""
    shade = math.exp(rng.normal(0.0, level.light))
    if rng.random() < level.light:
        return Light(light.direction, light.key * 0.35 * shade, light.ambient * shade, 1.0)
    return Light(light.direction, light.key * shade, light.ambient * shade, light.softness)


def compose(
    actors: list[Actor], place: Place, view: Viewpoint, canvas: FloatArray, level: Difficulty, rng: Rng
) -> Truth:
    """Put people and things into a place.

    Args:
        actors: Who should be there.
        place: Where.
        view: The camera of ``canvas``.
        canvas: ``(H, W, 3)`` float RGB, the empty place; painted over.
        level: How crowded and how small.
        rng: Randomness of the moment.

    Returns:
        Who is where.
    """
    standing = populate(actors, place, view, level, rng)
    for one in standing:
        if place.sun is not None:
            _cast_shadow(canvas, view, one.solids, place.sun)
        feet = np.array([[one.x, 0.0, one.z]]) if one.feet is None else one.feet * np.array([1.0, 0.0, 1.0])
        for foot in feet:
            _contact(canvas, view, foot, 0.3 if one.feet is None else 0.17, 0.5)
    owner = np.full((view.height, view.width), -1, np.int16)
    margin = view.height
    frame = (-margin, -margin, view.width + margin, view.height + margin)
    seen: list[tuple[int, list[float], int]] = []
    for one in standing:
        patch = paint(one.solids, one.forward, view, _relit(place.light, level, rng), frame)
        if patch is None:
            continue
        if place.gloss and one.feet is not None:
            foot = view.project(one.feet * np.array([1.0, 0.0, 1.0]))[0][:, 1].max()
            _mirror(canvas, view, patch, float(foot), place.gloss)
        whole = _lay(canvas, owner, patch, len(seen) if one.actor >= 0 else -1)
        if one.actor >= 0:
            seen.append((one.actor, *whole))
    return _truth(actors, seen, owner)


def _lay(
    canvas: FloatArray, owner: np.ndarray[tuple[int, int], np.dtype[np.int16]], patch: Patch, label: int
) -> tuple[list[float], int]:
    """Blend a patch into the picture; return the box of its own pixels in the picture and how many it has in all."""
    height, width = canvas.shape[:2]
    left, top, right, bottom = max(patch.left, 0), max(patch.top, 0), min(patch.right, width), min(patch.bottom, height)
    own = patch.own > 0.5
    total = int(np.count_nonzero(own))
    if left >= right or top >= bottom:
        return [], total
    part = (slice(top - patch.top, bottom - patch.top), slice(left - patch.left, right - patch.left))
    target = canvas[top:bottom, left:right]
    target *= threefold(1.0 - patch.alpha[part])
    target += patch.colour[part]
    region = owner[top:bottom, left:right]
    region[patch.alpha[part] > 0.5] = -1
    mine = own[part]
    region[mine] = label
    rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
    if not len(rows):
        return [], total
    return [
        left + float(columns[0]),
        top + float(rows[0]),
        left + float(columns[-1]) + 1.0,
        top + float(rows[-1]) + 1.0,
    ], total


def _truth(
    actors: list[Actor],
    seen: list[tuple[int, list[float], int]],
    owner: np.ndarray[tuple[int, int], np.dtype[np.int16]],
) -> Truth:
    # Rows of people as 16 bits without a sign, nobody as their greatest value: OpenCV counts these at once.
    rows = max(len(seen), 1)
    counts = cv2.calcHist([owner.view(np.uint16)], [0], None, [rows], [0, rows]).ravel()
    boxes: list[list[float]] = []
    ids: list[int] = []
    visible: list[float] = []
    ignore: list[bool] = []
    rename = np.full(len(seen) + 1, -1, np.int16)
    for row, (actor, box, total) in enumerate(seen):
        share = float(counts[row]) / max(total, 1)
        if not box or share < _DROPPED or box[2] - box[0] < 3 or box[3] - box[1] < 3:
            continue
        rename[row] = len(boxes)
        hidden = share < LEAST_VISIBLE or box[3] - box[1] < LEAST_HEIGHT
        boxes.append(box)
        ids.append(-1 if hidden else actors[actor].person_id)
        visible.append(share)
        ignore.append(hidden)
    return Truth(
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        person_ids=np.array(ids, np.int64),
        visibility=np.array(visible, np.float32),
        ignore=np.array(ignore, np.bool_),
        owner=owner if len(boxes) == len(seen) else rename[owner],
    )
