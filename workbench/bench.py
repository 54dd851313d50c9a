"""How fast this machine is: each figure from a real run in a process of its own, and ratios within one run.

Times of different machines, or of a busy and a quiet one, must not be compared; the ratios may.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.colour import picture
from workbench.decide import decide
from workbench.detectors import open_detector
from workbench.detectors.options import DetectorOptions
from workbench.errors import UsageError, WorkbenchError
from workbench.presets.files import load_preset
from workbench.presets.settings import with_settings
from workbench.sightings import Clock, Sightings
from workbench.video.files import VideoFile
from workbench.video.prefetch import prefetch
from workbench.video.writer import VideoWriter

DETECTED_SIZE = 640, 384  # px: what the detector sees of a 16:9 clip, up to 1080p
DETECTED_TIMES, DETECTED_ROUNDS = 20, 5

PEERS = {"deface": (), "deface --scale 640x360": ("--scale", "640x360")}


@dataclass(frozen=True)
class Measurement:
    """One run: what it was, frames a second, CPU milliseconds a frame (all threads, start-up included), peak memory."""

    name: str
    frames: int
    wall_seconds: float
    cpu_seconds: float
    peak_megabytes: float

    @property
    def fps(self) -> float:
        return self.frames / self.wall_seconds

    @property
    def cpu_ms_per_frame(self) -> float:
        return 1000 * self.cpu_seconds / self.frames


@dataclass(frozen=True)
class DetectorCost:
    """CPU milliseconds in which a detector reads a picture of ``DETECTED_SIZE`` into faces, on one thread."""

    name: str
    engine: str
    cpu_ms: float


@dataclass(frozen=True)
class Benchmark:
    """All runs over one clip, and what they are in proportion to each other."""

    clip: str
    preset: str
    cores: int
    runs: list[Measurement]
    redecide_ten_minutes_seconds: float
    detector: DetectorCost

    def ratios(self) -> dict[str, float]:
        """``process`` against decoding and encoding alone (frames a second), and peers against it (CPU seconds)."""
        by_name = {run.name: run for run in self.runs}
        own = by_name["process"]
        found = {"process / decode and encode alone (fps)": own.fps / by_name["decode and encode alone"].fps}
        for peer in PEERS:
            if peer in by_name:
                found[f"{peer} / process (CPU seconds)"] = by_name[peer].cpu_seconds / own.cpu_seconds
        return {name: round(value, 3) for name, value in found.items()}

    def as_dict(self) -> dict[str, Any]:
        runs = [
            asdict(run) | {"fps": round(run.fps, 2), "cpu_ms_per_frame": round(run.cpu_ms_per_frame, 2)}
            for run in self.runs
        ]
        return asdict(self) | {"runs": runs, "ratios": self.ratios()}


def measure(
    clip: Path,
    *,
    preset: str = "balanced",
    settings: Sequence[str] = (),
    against: Sequence[str] = (),
    rounds: int = 1,
    tell: Callable[[Measurement], None] = lambda _: None,
) -> Benchmark:
    """Run everything over ``clip``; of several rounds the one with the fewest CPU seconds counts, for peers as well.

    Raises UsageError for an unknown peer, or one that is not installed.
    """
    with VideoFile(clip) as video:
        frames = sum(1 for _ in video.frames())
    with tempfile.TemporaryDirectory(prefix="workbench-bench-") as scratch:
        place = Path(scratch)
        commands = _own_commands(clip, place, preset, settings) | _peer_commands(clip, place, against)
        runs = []
        for name, command in commands.items():
            tried = [_run(name, command, frames) for _ in range(rounds)]
            runs.append(min(tried, key=lambda run: run.cpu_seconds))
            tell(runs[-1])
    detector = _detector_cost(clip, with_settings(load_preset(preset), settings).detector)
    return Benchmark(clip.name, preset, os.cpu_count() or 1, runs, _redecide_ten_minutes(), detector)


def transcode(clip: Path, output: Path, preset: str, settings: Sequence[str]) -> None:
    """Decode and encode with a preset's settings and nothing between: the ceiling for any masking."""
    options = with_settings(load_preset(preset), settings).output
    with (
        VideoFile(clip, writable=True) as video,
        VideoWriter(output, source=clip, info=video.info, options=options) as sink,
        prefetch(video.frames(), depth=6) as frames,
    ):
        for frame in frames:
            sink.write(frame)


def decode(clip: Path) -> None:
    """Decode and nothing else."""
    with VideoFile(clip) as video, prefetch(video.frames(), depth=6) as frames:
        for _ in frames:
            pass


def _own_commands(clip: Path, place: Path, preset: str, settings: Sequence[str]) -> dict[str, list[str]]:
    changes = [word for setting in settings for word in ("--set", setting)]
    chosen = ["--preset", preset, *changes]
    alone = json.dumps([str(clip), str(place / "alone.mp4"), preset, list(settings)])
    python = [sys.executable, "-c"]
    program = [sys.executable, "-m", "workbench"]
    return {
        "decode alone": [
            *python,
            f"from pathlib import Path\nfrom workbench.bench import decode\ndecode(Path({str(clip)!r}))",
        ],
        "decode and encode alone": [
            *python,
            "import json\nfrom pathlib import Path\nfrom workbench.bench import transcode\n"
            f"c, o, p, s = json.loads({alone!r})\ntranscode(Path(c), Path(o), p, s)",
        ],
        "analyze": [*program, "analyze", str(clip), "-o", str(place / "t.csv"), *chosen],
        "process": [*program, "process", str(clip), "-o", str(place / "masked.mp4"), *chosen],
    }


def _peer_commands(clip: Path, place: Path, against: Sequence[str]) -> dict[str, list[str]]:
    if not against:
        return {}
    if set(against) != {"deface"}:
        raise UsageError(f"--against {', '.join(against)}: the only peer known is deface")
    program = shutil.which("deface", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    missing = [name for name in ("onnx", "onnxruntime") if importlib.util.find_spec(name) is None]
    if program is None or missing:
        raise UsageError("--against deface needs its fast engine; pip install -c constraints.txt -e .[dev]")
    shared = [program, str(clip), "--backend", "onnxrt", "--keep-audio"]
    return {
        name: [*shared, *extra, "-o", str(place / f"peer{number}.mp4")]
        for number, (name, extra) in enumerate(PEERS.items())
    }


def _run(name: str, command: list[str], frames: int) -> Measurement:
    """Run ``command`` and read its time and memory from the kernel (its child processes included)."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if process.returncode not in (0, 3):
            output.seek(0)
            lines = output.read().decode(errors="replace").strip().splitlines() or ["no output"]
            raise WorkbenchError(f"benchmark {name!r} failed: {lines[-1]}")
    return Measurement(name, frames, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _detector_cost(clip: Path, options: DetectorOptions) -> DetectorCost:
    """What the detector spends on a picture of ``clip``: the best of some rounds."""
    width, height = DETECTED_SIZE
    options = options.model_copy(update={"threads": 1, "image_size": width})
    with VideoFile(clip) as video:
        seen = picture(next(video.frames()), width, height)
    detector = open_detector(options, width_px=width, height_px=height)
    spent = []
    for _ in range(DETECTED_ROUNDS + 1):  # the first one warms up
        start = time.process_time()
        for _ in range(DETECTED_TIMES):
            detector.detect([seen])
        spent.append(time.process_time() - start)
    return DetectorCost(detector.name, detector.engine, round(1000 * min(spent[1:]) / DETECTED_TIMES, 2))


def _redecide_ten_minutes() -> float:
    """Seconds to decide ten minutes again: 15,000 frames, four faces, every third frame analysed."""
    random = np.random.default_rng(0)
    steps = np.arange(0, 15000, 3)
    frame = np.repeat(steps, 4)
    boxes = random.uniform(0, 5, (len(frame), 4)) + np.array([100, 100, 200, 220])
    track = np.tile(np.arange(1, 5), len(steps)) + 4 * (frame // 500)
    scores = random.uniform(0.3, 0.9, len(frame)).astype(np.float32)
    sightings = Sightings(frame, track, boxes.astype(np.float32), scores, np.full((len(frame), 3), np.nan, np.float32))
    clock = Clock(0, np.arange(15000) / 25, np.zeros(15000, np.float32), np.arange(15000) % 3 == 0)
    preset = load_preset("balanced")
    decide(sightings, clock, preset.timeline, confidence=0.5)
    start = time.perf_counter()
    decide(sightings, clock, preset.timeline, confidence=0.45)
    return round(time.perf_counter() - start, 3)
