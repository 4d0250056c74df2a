"""How a person stands or walks at one moment, and where that puts their joints."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sceneseek.data.synthetic.appearance import Body
from sceneseek.data.synthetic.noise import Rng
from sceneseek.data.synthetic.viewpoint import Points

UP = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True)
class Arm:
    """Angles of one arm, radians: forward swing, lift to the side, bend of the elbow, turn of the forearm inwards."""

    swing: float
    lift: float
    elbow: float
    inward: float


@dataclass(frozen=True)
class Leg:
    """Angles of one leg, radians: forward swing of the thigh, bend of the knee, spread to the side."""

    swing: float
    knee: float
    spread: float


@dataclass(frozen=True)
class Pose:
    """One moment of a body.

    Attributes:
        yaw: Where it faces, radians: 0 away from the camera, pi towards it.
        lean: Forward lean of the trunk, radians.
        tilt: Sideways lean of the trunk, radians.
        head_yaw: Turn of the head relative to the trunk, to its left, radians.
        head_pitch: How far the head looks down, radians.
        arms: Left and right.
        legs: Left and right.
    """

    yaw: float
    lean: float
    tilt: float
    head_yaw: float
    head_pitch: float
    arms: tuple[Arm, Arm]
    legs: tuple[Leg, Leg]


def _hanging(rng: Rng, swing: float = 0.0) -> Arm:
    return Arm(
        swing + rng.normal(0, 0.06),
        abs(rng.normal(0.12, 0.05)),
        abs(rng.normal(0.22, 0.12)) + max(0.0, 0.4 * swing),
        rng.uniform(0.0, 0.5),
    )


def _busy_arm(rng: Rng) -> Arm:
    """An arm that does something else than hang."""
    kind = rng.choice(
        ["ear", "look", "pocket", "hip", "carry", "point", "strap", "crossed"],
        p=[0.12, 0.2, 0.22, 0.1, 0.14, 0.04, 0.1, 0.08],
    )
    noise = rng.normal(0, 0.08, 4)
    base = {
        "ear": (0.5, 0.35, 2.35, 0.25),
        "look": (0.25, 0.12, 1.55, 0.45),
        "pocket": (-0.15, 0.3, 0.55, 0.35),
        "hip": (-0.35, 0.75, 1.5, 0.9),
        "carry": (0.1, 0.12, 1.35, 0.15),
        "point": (1.2, 0.2, 0.3, 0.0),
        "strap": (0.35, 0.2, 2.2, 0.5),
        "crossed": (0.3, 0.12, 1.6, 1.2),
    }[str(kind)]
    return Arm(*(b + n for b, n in zip(base, noise, strict=True)))


def draw_pose(rng: Rng, yaw: float, walking: bool) -> Pose:
    """Draw a pose for somebody who faces ``yaw``."""
    if walking:
        phase = rng.uniform(0, 2 * math.pi)
        reach = rng.uniform(0.28, 0.55)
        stride = reach * math.sin(phase)
        legs = tuple(
            Leg(
                side * stride + 0.06,
                0.08
                + 0.75 * reach * 2.0 * max(0.0, math.cos(phase) * side) * (0.6 + 0.4 * rng.random())
                + 0.25 * max(0.0, -side * stride),
                rng.normal(0.02, 0.02),
            )
            for side in (1.0, -1.0)
        )
        energy = rng.uniform(0.3, 1.0)
        arms = tuple(_hanging(rng, -side * stride * energy) for side in (1.0, -1.0))
        lean = rng.normal(0.07, 0.04)
    else:
        weight = rng.normal(0, 0.05)
        legs = tuple(
            Leg(rng.normal(0.03, 0.07) + side * weight, abs(rng.normal(0.06, 0.08)), abs(rng.normal(0.07, 0.05)))
            for side in (1.0, -1.0)
        )
        arms = (_hanging(rng), _hanging(rng))
        lean = rng.normal(0.02, 0.05)
    busy = rng.random(2) < (0.22 if walking else 0.38)
    both = (_busy_arm(rng) if busy[0] else arms[0], _busy_arm(rng) if busy[1] else arms[1])
    if busy.all() and rng.random() < 0.7:
        both = (both[0], both[0])
    return Pose(
        yaw=yaw,
        lean=float(lean),
        tilt=float(rng.normal(0, 0.035)),
        head_yaw=float(np.clip(rng.normal(0, 0.38), -1.2, 1.2)),
        head_pitch=float(np.clip(rng.normal(0.12, 0.2), -0.35, 0.8)),
        arms=both,
        legs=(legs[0], legs[1]),
    )


@dataclass(frozen=True)
class Skeleton:
    """Joints in world metres and the directions of trunk and head.

    Attributes:
        forward: ``(3,)`` where the trunk's front looks.
        left: ``(3,)`` the trunk's left.
        rise: ``(3,)`` along the spine, upwards.
        head_axes: ``(3, 3)`` rows left, up, front of the head.
        pelvis: Middle between the hip joints.
        neck: Base of the neck.
        head: Middle of the head.
        shoulders: ``(2, 3)`` left, right.
        elbows: ``(2, 3)``.
        wrists: ``(2, 3)``.
        hands: ``(2, 3)`` finger tips.
        hips: ``(2, 3)``.
        knees: ``(2, 3)``.
        ankles: ``(2, 3)``.
        toes: ``(2, 3)``.
    """

    forward: Points
    left: Points
    rise: Points
    head_axes: Points
    pelvis: Points
    neck: Points
    head: Points
    shoulders: Points
    elbows: Points
    wrists: Points
    hands: Points
    hips: Points
    knees: Points
    ankles: Points
    toes: Points


def _unit(vector: Points) -> Points:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def head_size(body: Body) -> float:
    """Height of the head, metres."""
    return 0.06 + 0.098 * body.stature if not body.child else 0.215


def _arm(
    arm: Arm, shoulder: Points, side: float, axes: tuple[Points, Points, Points], stature: float
) -> tuple[Points, Points, Points]:
    forward, left, rise = axes
    upper = _unit(
        -math.cos(arm.swing) * math.cos(arm.lift) * rise
        + math.sin(arm.swing) * forward
        + side * math.sin(arm.lift) * math.cos(arm.swing) * left
    )
    bend = math.cos(arm.inward) * forward - side * math.sin(arm.inward) * left + 0.15 * rise
    bend = _unit(bend - np.dot(bend, upper) * upper)
    fore = math.cos(arm.elbow) * upper + math.sin(arm.elbow) * bend
    elbow = shoulder + 0.172 * stature * upper
    wrist = elbow + 0.150 * stature * fore
    hand = wrist + 0.075 * stature * _unit(fore + 0.1 * bend)
    return elbow, wrist, hand


def _leg(
    leg: Leg, hip: Points, side: float, axes: tuple[Points, Points], length: float
) -> tuple[Points, Points, Points]:
    forward, left = axes
    thigh = _unit(-math.cos(leg.swing) * UP + math.sin(leg.swing) * forward + side * math.sin(leg.spread) * left)
    angle = leg.swing - leg.knee
    shin = _unit(-math.cos(angle) * UP + math.sin(angle) * forward + side * 0.5 * math.sin(leg.spread) * left)
    knee = hip + 0.515 * length * thigh
    ankle = knee + 0.485 * length * shin
    point = 0.75 * angle - 0.08
    out = _unit(forward + side * 0.18 * left)
    toe = ankle + (math.cos(point) * out + math.sin(point) * UP) * 0.20 * length - 0.06 * length * UP
    return knee, ankle, toe


def stand(body: Body, pose: Pose, x: float, z: float) -> Skeleton:
    """Put a body in a pose on the floor at ``(x, z)``, metres."""
    h = body.stature
    flat = np.array([math.sin(pose.yaw), 0.0, math.cos(pose.yaw)])
    left = np.array([-flat[2], 0.0, flat[0]])
    rise = _unit(UP * math.cos(pose.lean) + flat * math.sin(pose.lean) + left * math.sin(pose.tilt))
    forward = _unit(flat - np.dot(flat, rise) * rise)
    leg_length = 0.475 * h * body.legs * (0.9 if body.child else 1.0)
    trunk = h - leg_length - 0.045 * h - head_size(body) - 0.028 * h
    pelvis = np.zeros(3)
    hips = np.stack([pelvis + side * 0.052 * h * body.hips * left for side in (1.0, -1.0)])
    legs = [_leg(pose.legs[i], hips[i], side, (flat, left), leg_length) for i, side in enumerate((1.0, -1.0))]
    knees, ankles, toes = (np.stack([leg[k] for leg in legs]) for k in range(3))
    neck = pelvis + trunk * rise
    shoulders = np.stack(
        [neck + side * 0.106 * h * body.shoulders * body.breadth**0.5 * left - 0.046 * h * rise for side in (1.0, -1.0)]
    )
    arms = [_arm(pose.arms[i], shoulders[i], side, (forward, left, rise), h) for i, side in enumerate((1.0, -1.0))]
    elbows, wrists, hands = (np.stack([arm[k] for arm in arms]) for k in range(3))
    turn_c, turn_s = math.cos(pose.head_yaw), math.sin(pose.head_yaw)
    face = _unit(turn_c * forward + turn_s * left)
    crown = _unit(math.cos(pose.head_pitch) * UP + math.sin(pose.head_pitch) * face)
    face = _unit(face - np.dot(face, crown) * crown)
    ear = np.cross(face, crown)
    ear = ear if float(np.dot(ear, left * turn_c - forward * turn_s)) > 0 else -ear
    size = head_size(body)
    head = neck + 0.028 * h * rise + (0.47 * size) * crown + 0.014 * h * face
    lowest = min(float((ankles[:, 1] - 0.045 * h).min()), float(toes[:, 1].min() - 0.012 * h))
    shift = np.array([x, -lowest, z])
    return Skeleton(
        forward=forward,
        left=left,
        rise=rise,
        head_axes=np.stack([ear, crown, face]),
        pelvis=pelvis + shift,
        neck=neck + shift,
        head=head + shift,
        shoulders=shoulders + shift,
        elbows=elbows + shift,
        wrists=wrists + shift,
        hands=hands + shift,
        hips=hips + shift,
        knees=knees + shift,
        ankles=ankles + shift,
        toes=toes + shift,
    )
