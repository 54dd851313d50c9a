"""What the tests of video in and out share: the sample clips, and looks into a file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av

from workbench.video.files import VideoFile
from workbench.video.options import OutputOptions
from workbench.video.planes import display_matrix
from workbench.video.writer import VideoWriter

SAMPLES = Path(__file__).parents[2] / "sample_videos"


def first_part(name: str, target: Path, *, seconds: float) -> Path:
    """The beginning of a sample clip, copied packet by packet with its rotation flag."""
    with av.open(str(SAMPLES / name)) as probe:
        matrix = display_matrix(next(probe.decode(video=0)))
    with av.open(str(SAMPLES / name)) as source, av.open(str(target), "w") as output:
        streams = {stream.index: output.add_stream_from_template(stream, opaque=True) for stream in source.streams}
        if matrix is not None:
            streams[source.streams.video[0].index].set_display_matrix(matrix)
        for packet in source.demux():
            if packet.dts is not None and packet.dts * packet.time_base < seconds:
                packet.stream = streams[packet.stream_index]
                output.mux(packet)
    return target


def times(path: Path) -> list[Fraction]:
    """Presentation times of all frames of a file in seconds, by decoding it."""
    with VideoFile(path) as video:
        for _ in video.frames(every=10**9):
            pass
        return [pts * video.info.time_base for pts in video.pts]


def audio_packets(path: Path) -> list[list[tuple[Fraction, bytes]]]:
    """(time, bytes) of every packet of each sound track."""
    with av.open(str(path)) as container:
        tracks: dict[int, list[tuple[Fraction, bytes]]] = {stream.index: [] for stream in container.streams.audio}
        for packet in container.demux(audio=tuple(range(len(tracks)))) if tracks else ():
            if packet.size:
                tracks[packet.stream_index].append((packet.pts * packet.time_base, bytes(packet)))
        return list(tracks.values())


def rewrite(source: Path, target: Path, options: OutputOptions | None = None, **part: float) -> VideoWriter:
    """Every frame of ``source`` written to ``target`` unchanged; the finished writer."""
    options = options or OutputOptions()
    with (
        VideoFile(source, writable=True, **part) as video,
        VideoWriter(target, source=source, info=video.info, options=options, **part) as writer,
    ):
        for frame in video.frames():
            writer.write(frame)
    return writer
