"""What live masking costs and hides, measured over real servers on this machine. Run: ``make bench-live``.

Prints JSON. Wants a machine that does nothing else. ``python -m tests.live.bench_live soak 30`` runs one stream for so
many minutes and watches its memory; other words choose parts: ``hidden``, ``troubles``, ``several``.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
from numpy.typing import NDArray

from tests.conftest import SAMPLES
from tests.live.servers import rounds_of, rtmp_server, rtsp_server, scaled
from tests.live.test_live_session import green_share
from workbench.data import Picture
from workbench.evaluate import load_truth
from workbench.live import LiveOptions, LiveSession
from workbench.live.detection import DetectionService
from workbench.live.sources import open_live_source
from workbench.presets import Preset, load_preset, with_settings

TRUTH_CLIPS = ("consultation", "profile_and_occlusion", "dim_night_ward")
FPS = 25
LOSS, LOSS_BEGINS, LOSS_ENDS = 0.3, 2.0, 6.0  # share of the packets, seconds of the clip
START_SECONDS = 2.5
STREAMS = 4
STEADY_AFTER = 0.2  # of a soak: what memory has grown to by then is what the rest is compared with
SAMPLES_A_MINUTE = 12
HOG = "while True: pass"

Watched = list[dict[str, Any]]


def green() -> Preset:
    return with_settings(load_preset("balanced"), ["mask.kind=solid", "mask.colour=#00ff00"])


class Seen:
    """What a session publishes: for each frame its time, delay, whether all of it is hidden, and a small grey copy."""

    def __init__(self, session: LiveSession) -> None:
        self.frames: Watched = []
        self._subscription = session.bus.subscribe(depth=400)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while not self._subscription.closed:
            if (each := self._subscription.get(0.5)) is not None:
                self.frames.append(
                    {
                        "time": each.frame.time_seconds,
                        "arrived": each.arrived,
                        "delay_ms": each.delay_seconds * 1000,
                        "whole": each.whole,
                        "small": small(each.frame.planes[0]),
                    }
                )

    def end(self) -> Watched:
        self._thread.join(10)
        return self.frames


def small(luma: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.resize(luma, (64, 36), interpolation=cv2.INTER_AREA).astype(np.float32)


def delays(frames: Watched) -> dict[str, float]:
    """Rate and delays of a stream, its start included; and the delays once the engine has been opened."""
    begin, end = frames[0]["arrived"], frames[-1]["arrived"]
    every = [frame["delay_ms"] for frame in frames]
    later = [frame["delay_ms"] for frame in frames if frame["arrived"] > begin + START_SECONDS]
    return {
        "frames": len(frames),
        "fps": round((len(frames) - 1) / (end - begin), 1),
        "p50_ms": round(float(np.percentile(every, 50))),
        "p95_ms": round(float(np.percentile(every, 95))),
        "p95_after_start_ms": round(float(np.percentile(later, 95))),
        "whole_pictures": sum(frame["whole"] for frame in frames),
    }


@contextmanager
def hogs(count: int) -> Iterator[None]:
    """As many processes that want a whole processor each."""
    started = [subprocess.Popen([sys.executable, "-c", HOG]) for _ in range(count)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def played(
    clip: Path, *, look_ahead_ms: int = 120, lossy: bool = False, hogged: bool = False
) -> tuple[Watched, list[tuple[float, Picture]], float]:
    """A clip served by RTSP, masked, pushed to nginx: what the session published, the pixels that nginx received,
    and the milliseconds of work on a picture besides the detector's.
    """
    options = LiveOptions(look_ahead_ms=look_ahead_ms)
    with (
        tempfile.TemporaryDirectory() as folder,
        rtsp_server(clip) as source,
        rtmp_server(Path(folder)) as target,
        hogs(psutil.cpu_count() or 1) if hogged else nullcontext(),
    ):
        session = LiveSession(open_live_source(source.url, options), green(), options)
        seen = Seen(session)
        session.push(target.url)
        with session:
            length = clip_seconds(clip)
            until = time.monotonic() + length + 20
            work = []
            while time.monotonic() < until and not (seen.frames and seen.frames[-1]["time"] > length - 0.3):
                time.sleep(0.1)
                work.append(session.status().processing_ms)
                if lossy and seen.frames:
                    now = seen.frames[-1]["arrived"] - seen.frames[0]["arrived"]
                    source.wire.loss = LOSS if LOSS_BEGINS < now < LOSS_ENDS else 0.0
        time.sleep(1)  # nginx writes what has arrived
        pushed = [frame for path in target.recordings()[:1] for frame in pictures_of(path)]
    return seen.end(), pushed, float(np.median([each for each in work if each]))


def clip_seconds(clip: Path) -> float:
    with av.open(str(clip)) as container:
        return float(Fraction(container.duration or 0, av.time_base))


def pictures_of(path: Path) -> list[tuple[float, Picture]]:
    with av.open(str(path)) as container:
        return [(float(frame.time or 0), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def shown_faces(clip: Path, published: Watched, pushed: list[tuple[float, Picture]]) -> dict[str, int]:
    """Visible true faces in the pushed pixels, and how many of them are not hidden."""
    begin = begin_of(published, pushed)
    truth = load_truth(clip.with_suffix(".gt.csv"))
    faces = shown = 0
    for moment, pixels in pushed:
        index = round((begin + moment) * FPS)
        for face in truth[(truth["frame"] == index) & (truth["visibility"] >= 0.3)].itertuples():
            faces += 1
            shown += green_share(pixels, (face.x, face.y, face.x + face.w, face.y + face.h)) < 0.95
    return {"pushed_pictures": len(pushed), "face_frames": faces, "uncovered": shown}


def begin_of(published: Watched, pushed: list[tuple[float, Picture]]) -> float:
    """The source's time of the first pushed picture: where what was published looks most like what was pushed."""
    looks = [(moment, small(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))) for moment, pixels in pushed[::5][:20]]
    times = np.array([frame["time"] for frame in published])

    def unlike(start: float) -> float:
        found = [int(np.abs(times - start - moment).argmin()) for moment, _ in looks]
        return sum(
            float(np.abs(published[index]["small"] - look).mean())
            for index, (_, look) in zip(found, looks, strict=True)
        )

    candidates = [frame["time"] for frame in published if frame["time"] < times[0] + 5]
    return float(min(candidates, key=unlike))


def hidden() -> dict[str, Any]:
    """Truth clips over RTSP, what arrives at the RTMP server, and the delay with and without look-ahead."""
    found: dict[str, Any] = {}
    for name in TRUTH_CLIPS:
        clip = SAMPLES / f"{name}.mp4"
        published, pushed, work_ms = played(clip)
        found[name] = delays(published) | shown_faces(clip, published, pushed) | {"work_ms": round(work_ms, 1)}
    published, _, _ = played(SAMPLES / "consultation.mp4", look_ahead_ms=0)
    found["consultation, no look-ahead"] = delays(published)
    return found


def troubles() -> dict[str, Any]:
    """The same with packets lost for some seconds, and with a process on every processor that wants all of it."""
    found: dict[str, Any] = {}
    clip = SAMPLES / "consultation.mp4"
    for name, options in {"packets lost": {"lossy": True}, "processors taken": {"hogged": True}}.items():
        published, pushed, _ = played(clip, **options)
        found[name] = delays(published) | shown_faces(clip, published, pushed)
    return found


def several() -> dict[str, Any]:
    """Several streams of one detector: the rate of each."""
    with tempfile.TemporaryDirectory() as folder:
        clip = scaled(SAMPLES / "consultation.mp4", Path(folder) / "small.mp4", preset="veryfast")
        service = DetectionService()
        with rtsp_server(clip) as server:
            options = LiveOptions()
            sessions = [
                LiveSession(open_live_source(server.url, options), green(), options, service=service)
                for _ in range(STREAMS)
            ]
            seen = [Seen(session) for session in sessions]
            for session in sessions:
                session.start()
            time.sleep(clip_seconds(clip))
            for session in sessions:
                session.stop()
        service.stop()
    rates = [delays(each.end()) for each in seen]
    fps = [rate["fps"] for rate in rates]
    return {"streams": rates, "slowest_to_fastest": round(min(fps) / max(fps), 3)}


def soak(minutes: float) -> dict[str, Any]:
    """One stream for long: memory over time, and what is left after the stop."""
    threads, memory, process = threading.active_count(), [], psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        clip = scaled(SAMPLES / "consultation.mp4", Path(folder) / "small.mp4", preset="veryfast")
        rounds = math.ceil(minutes * 60 / clip_seconds(clip)) + 1
        long = rounds_of(clip, rounds, Path(folder) / "long.mp4")
        with rtsp_server(long) as server:
            options = LiveOptions()
            with LiveSession(open_live_source(server.url, options), green(), options) as session:
                session.record(Path(folder) / "record.mp4")
                begun = time.monotonic()
                while time.monotonic() - begun < minutes * 60:
                    time.sleep(60 / SAMPLES_A_MINUTE)
                    memory.append(process.memory_info().rss / 1e6)
                status = session.status()
        time.sleep(1)
        with av.open(str(Path(folder) / "record.mp4")) as record:
            recorded = float(Fraction(record.duration or 0, av.time_base))
    first = max(1, round(len(memory) * STEADY_AFTER))
    steady, later = max(memory[:first]), max(memory[first:], default=memory[-1])
    return {
        "minutes": minutes,
        "frames": status.frames,
        "recorded_seconds": round(recorded),
        "memory_mb": {"steady": round(steady), "most_after": round(later), "end": round(memory[-1])},
        "memory_mb_by_minute": [round(megabytes) for megabytes in memory[SAMPLES_A_MINUTE - 1 :: SAMPLES_A_MINUTE]],
        "growth_percent": round(100 * (memory[-1] / steady - 1), 1),
        "threads_left": threading.active_count() - threads,
    }


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"hidden": hidden, "troubles": troubles, "several": several}


def main(words: list[str]) -> None:
    if words[:1] == ["soak"]:
        found = {"soak": soak(float(words[1]))}
    else:
        found = {name: PARTS[name]() for name in words or PARTS}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main(sys.argv[1:])
