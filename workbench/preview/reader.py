"""Any frame of a clip by its number, quickly: what scrubbing needs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from workbench.data import Frame
from workbench.errors import SourceError
from workbench.preview.index import FrameIndex
from workbench.video.decoding import SEEK_MARGINS_SECONDS, Damage, only, packets
from workbench.video.files import VideoFile
from workbench.video.planes import as_420, colour_of, display_planes
from workbench.video.probing import examine, main_video, open_source

NEAR_FRAMES = 8  # decoding this many more costs less than seeking


class FrameReader:
    """Reads frames of one file by number; thread-safe. The frames are read-only: copy what you write into.

    Decoded frames are kept, the least recently used ones are dropped beyond ``cache_bytes``. The decoder stays open, so
    the next frame costs one frame's decoding; another one costs those from the key frame before it, once.
    """

    def __init__(self, path: Path, index: FrameIndex, *, cache_bytes: int) -> None:
        self.index = index
        self._path = path
        self._stored = examine(path)[1]
        self._reformatter = VideoReformatter()
        self._kept: OrderedDict[int, Frame] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._cache_lock = threading.Lock()
        self._decoder_lock = threading.Lock()
        self._container: InputContainer | None = None
        self._run: Iterator[Frame] | None = None
        self._position = 0  # number of the frame that the decoder gives next
        self._damaged = False
        self._closed = False

    def frame(self, number: int) -> Frame:
        """Frame ``number``. Raises SourceError when it cannot be read, or when the reader is closed."""
        kept = self._cached(number)
        if kept is not None:
            return kept
        with self._decoder_lock:
            kept = self._cached(number)
            return kept if kept is not None else self._decoded(number)

    def offer(self, frame: Frame) -> None:
        """Keep a frame that was decoded elsewhere, unless others would have to go for it."""
        size = _bytes(frame)
        with self._cache_lock:
            if not self._closed and (len(self._kept) + 1) * size <= self._cache_bytes:
                self._kept.setdefault(frame.index, frame)

    def close(self) -> None:
        with self._decoder_lock, self._cache_lock:
            self._closed = True
            self._kept.clear()
            self._stop()
            if self._container is not None:
                self._container.close()
                self._container = None

    def _cached(self, number: int) -> Frame | None:
        with self._cache_lock:
            frame = self._kept.get(number)
            if frame is not None:
                self._kept.move_to_end(number)
            return frame

    def _keep(self, frame: Frame) -> None:
        most = max(2, self._cache_bytes // _bytes(frame))
        with self._cache_lock:
            self._kept[frame.index] = frame
            self._kept.move_to_end(frame.index)
            while len(self._kept) > most:
                self._kept.popitem(last=False)

    def _decoded(self, number: int) -> Frame:
        if self._closed:
            raise SourceError(f"{self._path} was closed")
        if self.index.seekable and not self._damaged:
            with suppress(_DamageMet):
                return self._from_key(number)
            # Past damage, what a decoder shows depends on where it began: read as the render pass reads.
            self._damaged = True
            self._stop()
        if self._run is None or self._position > number:
            self._begin(_closing(VideoFile(self._path)), at=0)
        return self._advanced(number)

    def _from_key(self, number: int) -> Frame:
        key = self.index.key_before(number)
        if self._run is None or self._position > number or (key > self._position + NEAR_FRAMES):
            self._begin(self._seeking(number), at=key)
        return self._advanced(number)

    def _begin(self, run: Iterator[Frame], *, at: int) -> None:
        self._stop()
        self._run, self._position = run, at

    def _advanced(self, number: int) -> Frame:
        run = self._run
        assert run is not None
        for frame in run:
            self._position = frame.index + 1
            self._keep(frame)
            if frame.index == number:
                return frame
            if frame.index > number:
                break
        else:
            self._run = None
        raise SourceError(f"{self._path}: frame {number} cannot be read")

    def _stop(self) -> None:
        if self._run is not None:
            self._run.close()  # type: ignore[attr-defined]
            self._run = None

    def _seeking(self, number: int) -> Generator[Frame, None, None]:
        """The frames from a key frame at or before ``number`` on."""
        tick = int(self.index.pts[number])
        margins = [round(seconds / self.index.time_base) for seconds in SEEK_MARGINS_SECONDS]
        for goal in (*(tick - margin for margin in margins), None):
            frames = self._run_from(goal)
            first = next(frames, None)
            if first is not None and first.index <= number:
                yield first
                yield from frames
                return
            frames.close()
        raise _DamageMet

    def _run_from(self, tick: int | None) -> Generator[Frame, None, None]:
        """The frames from the key frame that seeking to ``tick`` finds; None: from the file's beginning."""
        container = self._opened(anew=tick is None)
        stream = main_video(container)
        damage = Damage()
        begin: int | None = None  # frames shown before the first key frame lack what they are predicted from
        last = -1
        try:
            if tick is not None:
                container.seek(tick, stream=stream, backward=True)
            for packet in packets(container, stream, damage=damage):
                if begin is None and packet.size and packet.is_keyframe:
                    begin = self.index.number(packet.pts)
                natives: list[VideoFrame] = packet.decode()  # type: ignore[assignment]
                for native in natives:
                    number = self.index.number(native.pts)
                    if native.is_corrupt or number is None or number <= last or begin is None or damage.read_errors:
                        raise _DamageMet
                    if number >= begin:
                        last = number
                        yield self._frame(number, native)
        except FFmpegError as error:
            raise _DamageMet from error

    def _opened(self, *, anew: bool) -> InputContainer:
        """The container, as it is or read from its beginning again."""
        if anew and self._container is not None:
            self._container.close()
            self._container = None
        if self._container is None:
            self._container = open_source(self._path)
            stream = main_video(self._container)
            only(self._container, stream)
            stream.codec_context.thread_type = "AUTO"
        return self._container

    def _frame(self, number: int, native: VideoFrame) -> Frame:
        stored = self._stored
        picture = as_420(native, width=stored.width, height=stored.height, reformatter=self._reformatter)
        planes = display_planes(picture, stored.orientation, writable=False)
        return Frame(number, int(self.index.pts[number]), self.index.time_base, planes, colour_of(picture), picture)


class _DamageMet(Exception):
    """The file does not read as its index says."""


def _closing(video: VideoFile) -> Generator[Frame, None, None]:
    with video:
        yield from video.frames()


def _bytes(frame: Frame) -> int:
    return sum(plane.nbytes for plane in frame.planes)
