"""The pre-flight card: what a clip is, what the full job will do with it, and how long that takes."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workbench.data import AudioInfo, VideoInfo
from workbench.errors import OutputError, WorkbenchError
from workbench.presets.model import Preset
from workbench.preview.changes import CUT_NOTE, Note, in_both
from workbench.preview.index import FrameIndex, read_index
from workbench.preview.speed import job_speed
from workbench.video.encoders import ContainerName
from workbench.video.files import VideoFile
from workbench.video.naming import output_container
from workbench.video.probing import probe
from workbench.video.slots import FrameSlots
from workbench.video.writer import VideoWriter

START_SECONDS = 2.0  # a process starts, opens its models and sees enough to decide on the first frame
NEEDED_TIMES_SOURCE = 3  # finished parts and the joined file lie side by side, each perhaps larger than the source
STEADY_SECONDS = 0.0015  # containers that count milliseconds move a frame of a constant rate by up to one
TRIAL_FRAMES = 2  # enough for everything that the encoder and the container will say
CODEC_NAMES = {"h264": "H.264", "hevc": "HEVC", "vp9": "VP9", "av1": "AV1", "mpeg4": "MPEG-4"}


@dataclass(frozen=True)
class Preflight:
    """Facts about a clip, and about the full job with one preset on this machine.

    ``fps`` is the average rate; with ``variable_rate`` the frames lie unevenly in time. ``width_px`` and ``height_px``
    are as shown. ``engine`` and ``estimated_seconds`` are None where the job cannot run, ``encoder`` likewise;
    ``changes`` says why, and names everything else that will differ from the source.
    """

    duration_seconds: float
    frames: int
    size_bytes: int
    width_px: int
    height_px: int
    container: str
    codec: str
    fps: float
    variable_rate: bool
    rotation_degrees: int
    hdr: bool
    interlaced: bool
    bit_depth: int
    audio: tuple[AudioInfo, ...]
    estimated_seconds: float | None
    free_bytes: int
    needed_bytes: int
    engine: str | None
    encoder: str | None
    output_container: ContainerName
    changes: tuple[Note, ...]

    @property
    def disk_is_enough(self) -> bool:
        return self.free_bytes >= self.needed_bytes


def preflight(source: Path, preset: Preset, *, folder: Path, analysed: bool = False) -> Preflight:
    """Look at a clip and try the job on its first frames. ``folder`` takes the trial's files, and loses them again.
    ``analysed``: the job will be given the clip's timeline, and only mask.

    Raises SourceError where there is no video to read, OutputError where ``folder`` cannot be used.
    """
    info, index = probe(source), read_index(source)
    container = output_container(source, preset.output)
    encoder, changes = _trial(source, info, preset, container=container, folder=folder)
    changes = [*changes, *map(in_both, _moved_frames(source, info, index, container))]
    engine: str | None = None
    estimated: float | None = None
    try:
        speed = job_speed(source, info, preset, folder=folder)
        per_frame = speed.masking_seconds_per_frame if analysed else speed.seconds_per_frame
        engine, estimated = speed.engine, START_SECONDS + len(index.pts) * per_frame
    except WorkbenchError as error:
        changes.append(_cannot_run(error))
    times, size = index.times(), info.size_bytes or 0
    return Preflight(
        duration_seconds=_duration(times, info),
        frames=len(times),
        size_bytes=size,
        width_px=info.width_px,
        height_px=info.height_px,
        container=info.container,
        codec=info.codec,
        fps=float(info.average_fps),
        variable_rate=_is_variable(times),
        rotation_degrees=info.rotation_degrees,
        hdr=info.hdr,
        interlaced=info.interlaced,
        bit_depth=info.colour.bit_depth,
        audio=info.audio,
        estimated_seconds=estimated,
        free_bytes=_free_bytes(folder),
        needed_bytes=NEEDED_TIMES_SOURCE * size,
        engine=engine,
        encoder=encoder,
        output_container=container,
        changes=tuple(dict.fromkeys(changes)),
    )


def _trial(
    source: Path, info: VideoInfo, preset: Preset, *, container: ContainerName, folder: Path
) -> tuple[str | None, list[Note]]:
    """The encoder that really runs, and what it and the container change: the first frames are written for it."""
    options = preset.output.model_copy(update={"container": container})
    end = TRIAL_FRAMES / float(info.average_fps)
    try:
        with tempfile.TemporaryDirectory(prefix="trial-", dir=folder) as place, VideoFile(source) as video:
            target = Path(place) / "trial"
            with VideoWriter(target, source=source, info=info, options=options, end_seconds=end) as sink:
                for frame in islice(video.frames(), TRIAL_FRAMES):
                    sink.write(frame)
    except WorkbenchError as error:
        return None, [_cannot_run(error)]
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another workspace") from error
    notes = [in_both(note) for note in sink.notes if not note.startswith(CUT_NOTE) and " frames moved, " not in note]
    before, after = info.codec, sink.encoder.split()[0]
    return sink.encoder, [*_other_codec(before, after), *notes]


def _other_codec(before: str, encoder: str) -> list[Note]:
    names = {"libx264": "h264", "libx265": "hevc", "libvpx-vp9": "vp9", "libsvtav1": "av1"}
    after = names.get(encoder, encoder.partition("_")[0])
    if before == after:
        return []
    was, becomes = (CODEC_NAMES.get(codec, codec) for codec in (before, after))
    return [Note(f"the video becomes {becomes} (it is {was})", f"视频编码由 {was} 变为 {becomes}")]


def _moved_frames(source: Path, info: VideoInfo, index: FrameIndex, container: ContainerName) -> list[str]:
    """What the container's clock does to the times of all frames."""
    slots = FrameSlots.plan(source, container=container, info=info, first=int(index.pts[0]), whole=True)
    for pts in index.pts.tolist():
        slots.place(pts)
    return slots.notes()


def _cannot_run(error: WorkbenchError) -> Note:
    return Note(f"the full job cannot run: {error}", f"无法执行完整处理：{error}")


def _duration(times: NDArray[np.float64], info: VideoInfo) -> float:
    """From the first frame to the end of the last, which lasts as long as one does on average."""
    return float(times[-1] - times[0]) + 1 / float(info.average_fps)


def _is_variable(times: NDArray[np.float64]) -> bool:
    """Whether frames lie unevenly in time, by more than the rounding of a container."""
    steps = np.diff(times)
    return bool(len(steps) and np.abs(steps - np.median(steps)).max() > STEADY_SECONDS)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
