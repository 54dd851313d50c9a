"""Makes faces in dark pictures easier to find. Works on the detector's small copy; the recording is not touched.

A gain that makes the brightest parts white, after a filter that smooths what differs no more than the noise does and
leaves edges alone (Tomasi and Manduchi, "Bilateral Filtering for Gray and Color Images", 1998). In dark, noisy copies
of labelled photographs (``workbench evaluate-detector --corrupt dark --enhance``) CenterFace finds, at 0.1 false faces
a picture, 0.46 instead of 0.40 of the faces in crowds and 0.82 instead of 0.74 of those in calls. A Gaussian blur
instead of the filter gave 0.44 and 0.77, a median 0.41 and 0.77, non-local means 0.38 and 0.73; a gamma curve after the
gain no more than the gain. In merely dim ones (``--corrupt dim``, severity 3) 0.62 instead of 0.50 and 0.83 instead of
0.81. Pictures without a face give no more false finds. At 640x352 it takes 4 ms, 0.1 ms where it is light enough.
"""

from __future__ import annotations

import cv2
import numpy as np

from workbench.data import Picture

DARK_MEAN = 80.0  # mean of the pixel values 0..255 below which a picture counts as dark; lit rooms lie at 90 to 150
HIGHLIGHTS = 99.5  # percentile of the values that becomes white: a lamp in the picture does not prevent the gain
MAX_GAIN = 6.0  # a stronger one shows more noise than faces
LEAST_NOISE = 0.7  # standard deviation of the values; rounding alone has 0.3
SMOOTHED = 5.0  # times the noise: differences of this size are smoothed, larger ones are edges
REACH_PX, REACH_SPREAD_PX = 5, 2.0
EVERY = 4  # pixels skipped when measuring
_CHECK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)  # nothing of planes and straight edges is left


def is_dark(picture: Picture) -> bool:
    """Whether ``enhance`` does something to the RGB picture."""
    return bool(picture[::EVERY, ::EVERY].mean() < DARK_MEAN)


def enhance(picture: Picture) -> Picture:
    """A dark RGB picture denoised and brightened; a bright one as it is."""
    if not is_dark(picture):
        return picture
    sample = picture[::EVERY, ::EVERY]
    gain = min(255 / max(float(np.percentile(sample.max(axis=2), HIGHLIGHTS)), 1.0), MAX_GAIN)
    spread = noise_of(picture)
    if spread >= LEAST_NOISE:
        picture = np.asarray(cv2.bilateralFilter(picture, REACH_PX, SMOOTHED * spread, REACH_SPREAD_PX), np.uint8)
    return np.asarray(cv2.convertScaleAbs(picture, alpha=gain), np.uint8)


def noise_of(picture: Picture) -> float:
    """Standard deviation of the noise in one channel (Immerkær, "Fast Noise Variance Estimation", 1996)."""
    green = np.ascontiguousarray(picture[..., 1])
    rest = cv2.filter2D(green, cv2.CV_32F, _CHECK)
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(rest).mean())
