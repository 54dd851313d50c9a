"""Makes faces in dark pictures easier to find. Works on the detector's small copy; the recording is not touched.

A gain that makes the brightest parts white, after a light blur where the gain would raise the noise too far. On frames
of two sample clips darkened to 15 % with noise added it lifted CenterFace's mean score of the true faces from 0.50 to
0.65 and from 0.74 to 0.78. A gamma curve did less, and local contrast (CLAHE) no more at three times the cost.
"""

from __future__ import annotations

import cv2
import numpy as np

from workbench.data import Picture

DARK_MEAN = 80.0  # mean of the pixel values 0..255 below which a picture counts as dark; lit rooms lie at 90 to 150
HIGHLIGHTS = 99.5  # percentile of the values that becomes white: a lamp in the picture does not prevent the gain
MAX_GAIN = 6.0  # a stronger one shows more noise than faces
NOISY_GAIN = 3.0  # from here on the blur costs less detail than the noise would
EVERY = 4  # pixels skipped when measuring


def enhance(picture: Picture) -> Picture:
    """A dark RGB picture brightened and, where it needs much of that, denoised; a bright one as it is."""
    sample = picture[::EVERY, ::EVERY]
    if sample.mean() >= DARK_MEAN:
        return picture
    gain = min(255 / max(float(np.percentile(sample.max(axis=2), HIGHLIGHTS)), 1.0), MAX_GAIN)
    smooth = cv2.GaussianBlur(picture, (3, 3), 0) if gain >= NOISY_GAIN else picture
    return np.asarray(cv2.convertScaleAbs(smooth, alpha=gain), np.uint8)
