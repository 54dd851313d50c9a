"""A face that belongs to nobody, invented in one forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.maskers.canvas import GAN_LATENT_NUMBERS, GAN_SIZE_PX, LANDMARKS
from workbench.maskers.generative import GenerativeMasker, Hole, latent
from workbench.maskers.options import MaskOptions
from workbench.maskers.people import People
from workbench.weights import find, open_session

MODEL = "gan"
PLANES = 3 + 1 + LANDMARKS + 1  # picture, hidden, landmarks, and one that begins with the latent and the pose


def open_gan(options: MaskOptions, *, secret: bytes, people: People) -> GenerativeMasker:
    """The GAN mask. Raises ModelError where its weights are missing or damaged."""
    session = open_session(find(MODEL), input_shape=(1, PLANES, GAN_SIZE_PX, GAN_SIZE_PX))

    def generator(holes: Sequence[Hole]) -> list[NDArray[np.float32]]:
        inputs = [_network_input(hole, latent(secret, hole.track, GAN_LATENT_NUMBERS)) for hole in holes]
        return [outputs[0][0] for outputs in session.run(inputs)]

    return GenerativeMasker("gan", generator, GAN_SIZE_PX, blurred_rim=options.underlay, people=people)


def _network_input(hole: Hole, person: NDArray[np.float32]) -> NDArray[np.float32]:
    numbers = np.concatenate([person, hole.pose])
    planes = np.zeros((PLANES, *hole.hidden.shape), np.float32)
    planes[:3] = hole.picture
    planes[3] = hole.hidden
    planes[4:-1] = hole.maps
    planes[-1].reshape(-1)[: len(numbers)] = numbers
    return planes
