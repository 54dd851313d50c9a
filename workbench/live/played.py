"""A file played as if it were live: every picture at its time, to the end or round and round."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from workbench.data import VideoInfo
from workbench.errors import SourceError
from workbench.live.demuxed import Demuxed, Pace
from workbench.live.frames import LiveFrame
from workbench.live.options import LiveOptions
from workbench.live.pictures import live_frame
from workbench.live.sound import SoundPacket
from workbench.video.probing import open_source


class PlayedFile:
    """A video file as a source. Ends for good with the file, unless ``options.loop``; time goes on over each round."""

    finite = True

    def __init__(self, path: Path | str, options: LiveOptions | None = None) -> None:
        self.path = Path(path)
        self.label = self.path.name
        self.on_sound: Callable[[Any], None] | None = None
        self.notes: list[str] = []
        self._loop = (options or LiveOptions()).loop
        self._stopped = threading.Event()
        self._demuxed: Demuxed | None = None
        self._info: VideoInfo | None = None
        self._offset = Fraction(0)  # how long the rounds before this one lasted

    def __repr__(self) -> str:
        return f"PlayedFile({self.label})"

    @property
    def info(self) -> VideoInfo:
        if self._info is None:
            raise SourceError(f"{self.label} is not open")
        return self._info

    def open(self) -> None:
        if self._stopped.is_set():
            raise SourceError(f"{self.label} was closed")
        self._offset = Fraction(0)
        self._demuxed = self._opened()
        self._info = replace(self._demuxed.info, path=self.path)

    def frames(self) -> Iterator[LiveFrame]:
        pace = Pace(self._stopped, patient=False)
        try:
            while self._demuxed is not None:
                yield from self._round(self._demuxed, pace)
                self._demuxed.close()
                self._offset += self._demuxed.ends_at
                self._demuxed = self._opened() if self._loop and not self._stopped.is_set() else None
        finally:
            if self._demuxed is not None:
                self._demuxed.close()
                self._demuxed = None

    def close(self) -> None:
        self._stopped.set()

    def _round(self, demuxed: Demuxed, pace: Pace) -> Iterator[LiveFrame]:
        last = self._offset
        for shown in demuxed.pictures():
            last = last + 1 / demuxed.rate if shown.time is None else shown.time + self._offset
            pace.wait(last)
            if self._stopped.is_set():
                return
            assert shown.picture.time_base is not None
            yield live_frame(shown.picture, pts=round(last / shown.picture.time_base))

    def _opened(self) -> Demuxed:
        return Demuxed(
            open_source(self.path), label=self.label, on_sound=self._hear, stopped=self._stopped, threads="AUTO"
        )

    def _hear(self, packet: SoundPacket) -> None:
        if self.on_sound is not None:
            self.on_sound(replace(packet, pts=packet.pts + round(self._offset / packet.time_base)))
