"""The square that the generative masks work on: one face with its surroundings, always at the same place and size."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.head_pose import HeadPose

FACE_SHARE = 0.5
"""Height of a face in heights of the canvas."""

HEIGHT_OF_A_FACE = 1.3  # in widths: a profile's box is narrow, a bowed head's is low, and both get the same canvas


def canvas_box(box: ArrayLike) -> NDArray[np.float64]:
    """The square x0, y0, x1, y1 round a face's ``box`` (4,), in the box's pixels; it may reach out of the picture."""
    x0, y0, x1, y1 = np.asarray(box, np.float64)
    reach = max(y1 - y0, HEIGHT_OF_A_FACE * (x1 - x0)) / FACE_SHARE / 2
    centre = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return np.concatenate([centre - reach, centre + reach])


GAN_SIZE_PX = 128
GAN_LATENT_NUMBERS = 32
"""The side of the GAN's canvas, and how many numbers say whose face it invents."""

POSE_NUMBERS = 4
"""How many numbers tell a network the pose."""

LEVEL_NOD = 0.63


LANDMARKS = 5
LANDMARK_SIGMA = 0.02  # of the canvas

_PLACES = np.array(
    [
        [0.4253, 0.4533, 0.5752, 0.4533, 0.5002, 0.5649, 0.4464, 0.6307, 0.5540, 0.6302],
        [0.1324, -0.0004, 0.1332, 0.0007, 0.2188, 0.0000, 0.1326, 0.0017, 0.1328, -0.0018],
        [0.0010, 0.0141, 0.0004, 0.0143, 0.0008, 0.0569, -0.0010, 0.0154, 0.0023, 0.0149],
        [0.0031, -0.0187, 0.0051, 0.0189, -0.0512, 0.0007, -0.0861, -0.0127, -0.0851, 0.0144],
        [0.0407, 0.0059, -0.0425, 0.0044, -0.0009, -0.0020, 0.0288, -0.0051, -0.0300, -0.0066],
        [-0.0066, 0.0446, 0.0064, 0.0425, -0.0012, 0.0937, -0.0041, 0.0567, 0.0036, 0.0545],
        [-0.0182, -0.0099, -0.0184, 0.0045, -0.0465, 0.0000, -0.0188, -0.0065, -0.0191, 0.0057],
    ]
)
"""Where eyes, nose and mouth lie on the canvas, x and y of each, 0..1: factors of 1, turn, nod, roll, turn²,
turn · roll and nod · roll (of ``pose_numbers``). Fitted by least squares to 4,150 rendered heads, mean error 0.013
(``training.masks.pictures.fit_places``).
"""


def pose_terms(poses: ArrayLike) -> NDArray[np.floating]:
    """(N, 7) what the places of landmarks depend on, of ``pose_numbers`` (N, 4)."""
    _, turn, nod, roll = np.asarray(poses, np.float64).T
    return np.stack([np.ones_like(turn), turn, nod, roll, turn**2, turn * roll, nod * roll], axis=1)


def landmark_maps(pose: NDArray[np.float32], size_px: int) -> NDArray[np.float32]:
    """(5, S, S) a soft dot where each landmark lies for a pose (4,); nothing for one that is not known."""
    if not pose[0]:
        return np.zeros((LANDMARKS, size_px, size_px), np.float32)
    places = (pose_terms(pose[None]) @ _PLACES).reshape(LANDMARKS, 2, 1)
    axis = (np.arange(size_px) + 0.5) / size_px
    across, down = (np.exp(-(((axis - places[:, side]) / LANDMARK_SIGMA) ** 2) / 2) for side in (0, 1))
    return np.asarray(down[:, :, None] * across[:, None, :], np.float32)


def pose_numbers(pose: HeadPose | None) -> NDArray[np.float32]:
    """A pose (4,) as a network gets it: whether it is known, and turn, nod and roll at about -1..1."""
    if pose is None:
        return np.zeros(POSE_NUMBERS, np.float32)
    return np.array([1.0, 2 * pose.turn, 4 * (pose.nod - LEVEL_NOD), pose.roll / 30], np.float32)
