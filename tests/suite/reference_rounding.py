"""Whether this machine rounds as the one that the digests of drawn scenes come from."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np

PROBE = "2970ea65f245902f9375351908c5a8c5"
"""Digest of the probe there; it changes with the processor and with the versions of NumPy and OpenCV."""


def probe() -> str:
    rng = np.random.default_rng(0)
    field = rng.random((37, 53, 3), dtype=np.float32)
    matrix = rng.random((3, 3), dtype=np.float32)
    small = cv2.resize(field, (41, 23), interpolation=cv2.INTER_AREA)
    bytes_of = (field * 255).astype(np.uint8)
    fields = [
        cv2.transform(field, matrix), small, cv2.phase(field[..., 0], field[..., 1]),
        cv2.GaussianBlur(field, (0, 0), 1.3),
        np.sin(field), np.exp(field), np.sqrt(field), np.arctan2(field, 0.3), matrix @ field.reshape(-1, 3).T,
        cv2.GaussianBlur(bytes_of, (0, 0), 1.2), cv2.warpAffine(bytes_of, matrix[:2] + np.eye(2, 3), (50, 40)),
        cv2.imencode(".jpg", bytes_of)[1], rng.standard_normal(64), rng.permutation(64),
    ]  # fmt: skip
    return hashlib.sha256(b"".join(np.ascontiguousarray(values).tobytes() for values in fields)).hexdigest()[:32]
