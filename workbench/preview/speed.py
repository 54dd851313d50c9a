"""How long the full job takes here: the first second of the clip is analysed and masked, and its time is counted.

It runs in a process of its own, because the page is analysing the clip at the same time: the processor time of a
process is its own whatever else runs. The figure is kept per machine, so that the next clip of the same kind has it at
once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from workbench.analyze import BATCH, Analyzer, open_analyzer
from workbench.audit import audit_output
from workbench.data import Frame, VideoInfo
from workbench.detectors import weights_of
from workbench.errors import EngineError, WorkbenchError
from workbench.maskers import open_masker
from workbench.presets.model import Preset
from workbench.regions import hide
from workbench.store import AnalysedFrame
from workbench.video.files import VideoFile
from workbench.video.part_file import write_private
from workbench.video.prefetch import prefetch
from workbench.video.stretch import Stretch
from workbench.video.writer import VideoWriter
from workbench.weights.nvidia import gpu_count
from workbench.weights.quiet import APP
from workbench.weights.sessions import usable_threads

FRAMES = 40  # about a second and a half: the detector's queue and the encoder's are filled more than once …
ENOUGH_SECONDS = 2.0  # … unless looking at so many takes more processor time than this
TRIAL_TIMEOUT_SECONDS = 90.0  # torch with its CUDA libraries from a slow disk, then 40 frames of 4K
NICENESS = 10  # whoever has just opened a clip waits for its first masked frame, not for this
KEPT = 200  # figures kept per machine; each is one kind of clip with one set of options


@dataclass(frozen=True)
class Speed:
    """What a trial found: the engine that ran, and seconds per frame of the full job, and of one that only masks
    (and looks again where the preset asks for it), because the clip is analysed already."""

    engine: str
    seconds_per_frame: float
    masking_seconds_per_frame: float


def job_speed(source: Path, info: VideoInfo, preset: Preset, *, folder: Path) -> Speed:
    """The speed of the full job on clips of this kind, measured in ``folder`` unless it is known already.

    Raises WorkbenchError when the full job would not run either: a model that is missing, a GPU that does not work.
    """
    key = _key(info, preset)
    known = _known()
    if key in known:
        return known[key]
    speed = _tried(source, preset, folder)
    _keep({**known, key: speed})
    return speed


def _tried(source: Path, preset: Preset, folder: Path) -> Speed:
    task = json.dumps({"source": str(source.absolute()), "preset": preset.model_dump(mode="json")})
    with tempfile.TemporaryDirectory(prefix="trial-", dir=folder) as place:
        command = [sys.executable, "-m", "workbench.preview.speed", place]
        try:
            run = subprocess.run(
                command, input=task, capture_output=True, text=True, timeout=TRIAL_TIMEOUT_SECONDS, check=False
            )
            answer = json.loads(run.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired as error:
            raise EngineError(f"a trial of {FRAMES} frames took over {TRIAL_TIMEOUT_SECONDS:.0f} s") from error
        except (OSError, ValueError, IndexError) as error:
            raise EngineError("a trial of the first frames broke off; run: workbench doctor") from error
    if "error" in answer:
        raise WorkbenchError(answer["error"])
    return Speed(**answer)


def _measured(source: Path, preset: Preset, place: Path) -> Speed:
    """Pass 1, then pass 3, over the first frames.

    The full job does both at once, so all processors are busy and share the processor time of both. Only where a GPU
    does the looking is its own pace the limit. Wall time says nothing else here: other work may be going on.
    """
    with VideoFile(source) as video:
        analyzer = open_analyzer(preset.detector, preset.tracker, video.info)
        with prefetch(islice(video.frames(), FRAMES), depth=6) as frames:
            analysed, pace, spent = _timed(analyzer, frames)
    start = time.process_time()
    written = _write(source, preset, analysed, place / "trial.mp4")
    if preset.output.audit:
        audit_output(place / "trial.mp4", source, stretch=Stretch(end_seconds=written / float(video.info.average_fps)))
    masking = (time.process_time() - start) / written
    engine = analyzer.finder.detector.engine
    whole = max((spent + masking) / usable_threads(), pace if "cuda" in engine.split(" (")[0] else 0.0)
    return Speed(engine, whole, masking / usable_threads())


def _timed(analyzer: Analyzer, frames: Iterable[Frame]) -> tuple[list[AnalysedFrame], float, float]:
    """The analysed frames, and wall and processor seconds a frame, without the first batch, which warms up."""
    batch = BATCH * analyzer.detector.every
    done: list[AnalysedFrame] = []
    warm = (0, time.perf_counter(), time.process_time())
    with closing(analyzer.frames(frames)) as seen:  # type: ignore[type-var]
        for frame in seen:
            done.append(frame)
            if len(done) == batch:
                warm = (batch, time.perf_counter(), time.process_time())
            if len(done) % batch == 0 and len(done) > batch and time.process_time() - warm[2] > ENOUGH_SECONDS:
                break
    count, pace, spent = (
        end - begin for begin, end in zip(warm, (len(done), time.perf_counter(), time.process_time()), strict=True)
    )
    return done, pace / max(count, 1), spent / max(count, 1)


def _write(source: Path, preset: Preset, analysed: list[AnalysedFrame], target: Path) -> int:
    """Mask what was seen and encode it, as the full job does; the number of frames."""
    masker = open_masker(preset.mask)
    container = preset.output.container
    options = preset.output.model_copy(update={"container": "mp4" if container == "auto" else container})
    with (
        VideoFile(source, writable=True) as video,
        VideoWriter(
            target, source=source, info=video.info, options=options, end_seconds=_end_seconds(video.info)
        ) as sink,
        prefetch(islice(video.frames(), len(analysed)), depth=6) as frames,
    ):
        for frame, boxes in zip(frames, _boxes(analysed, preset.detector.confidence), strict=False):
            hide(frame, boxes, masker, preset.mask)
            sink.write(frame)
    return sink.frames_written


def _end_seconds(info: VideoInfo) -> float:
    """So that only the sound of the trial's frames is copied."""
    return FRAMES / float(info.average_fps)


def _boxes(analysed: list[AnalysedFrame], confidence: float) -> Iterator[np.ndarray]:
    """Boxes (N, 4) for every frame: those of the last look."""
    boxes = np.zeros((0, 4), np.float32)
    for frame in analysed:
        if frame.detections is not None:
            boxes = frame.detections.boxes[frame.detections.scores >= confidence]
        yield boxes


def _key(info: VideoInfo, preset: Preset) -> str:
    """Names everything that the speed depends on, and nothing of the clip's content."""
    weights = weights_of(preset.detector)
    parts = [
        version(APP),
        _processor(),
        usable_threads(),
        gpu_count(),
        [str(weights), weights.stat().st_mtime_ns],
        preset.detector.model_dump(mode="json", exclude={"confidence", "iou"}),
        [preset.tracker.appearance, preset.mask.kind, preset.mask.strength],
        preset.output.model_dump(mode="json"),
        [info.codec, info.pixel_format, info.width_px, info.height_px, info.rotation_degrees],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def _processor() -> str:
    """The processor's name as far as the system says it."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return platform.processor() or platform.machine()


def _cache() -> Path:
    return user_cache_path(APP, appauthor=False) / "speed.json"


def _known() -> dict[str, Speed]:
    try:
        return {key: Speed(**fields) for key, fields in json.loads(_cache().read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep(speeds: dict[str, Speed]) -> None:
    """Kept for next time if the place can be written; else it is measured again."""
    newest = dict(list(speeds.items())[-KEPT:])
    with suppress(OSError):
        _cache().parent.mkdir(parents=True, exist_ok=True)
        write_private(_cache(), json.dumps({key: vars(speed) for key, speed in newest.items()}).encode())


def _main(place: Path) -> None:
    """Entry of the trial's process: the last line of its output is what it found."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    task = json.load(sys.stdin)
    try:
        answer = vars(_measured(Path(task["source"]), Preset.model_validate(task["preset"]), place))
    except WorkbenchError as error:
        answer = {"error": str(error)}
    print("\n" + json.dumps(answer))


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
