"""Pictures as the page gets them."""

from __future__ import annotations

import cv2

from workbench.data import Picture
from workbench.errors import OutputError

QUALITY = 85


def jpeg(picture: Picture) -> bytes:
    """An RGB picture as a JPEG file. Raises OutputError where that fails."""
    done, data = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise OutputError("the picture cannot be encoded")
    return bytes(data)
