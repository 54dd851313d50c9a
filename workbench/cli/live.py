"""``workbench live``: mask cameras and streams while they happen."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from workbench.cli.lines import tell
from workbench.cli.live_board import OVER, Board, event_words
from workbench.cli.options import chosen_preset, named_apart, with_preset
from workbench.errors import OutputError, UsageError

if TYPE_CHECKING:
    from workbench.cli.live_window import Window
    from workbench.live import LiveSession
    from workbench.live.config import StreamPlan
    from workbench.live.options import LiveOptions

ANY_PATH = click.Path(path_type=Path)
LOOK_SECONDS = 0.1
LIVE_PREFIX = "live."
OF_ONE_STREAM = {
    "record": "--record",
    "push": "--push",
    "preset": "--preset",
    "settings": "--set",
    "look_ahead": "--look-ahead",
}
"""Options of a single stream, by the names of their arguments: with ``--config`` they stand in the file."""


@dataclass(frozen=True)
class _Running:
    plan: StreamPlan
    session: LiveSession


@click.command()
@click.argument("source", required=False)
@click.option(
    "--config", type=ANY_PATH, metavar="FILE", help="Run the streams of this YAML file instead of one SOURCE."
)
@click.option(
    "--record",
    type=ANY_PATH,
    metavar="FILE",
    help="Write what is masked to this MP4 file; it plays even after a crash.",
)
@click.option("--push", metavar="URL", default="", help="Send what is masked to this RTMP server.")
@with_preset
@click.option(
    "--look-ahead",
    type=click.IntRange(0, 2000),
    metavar="MS",
    help="Hold each picture back this long, so that a face found now is hidden just before, too; 120 by default.",
)
@click.option("--show", is_flag=True, help="Show the masked pictures in a window; Q closes it.")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Stop after this time.")
@click.pass_context
def live(
    ctx: click.Context,
    *,
    source: str | None,
    config: Path | None,
    record: Path | None,
    push: str,
    preset: str,
    settings: tuple[str, ...],
    look_ahead: int | None,
    show: bool,
    seconds: float | None,
) -> int:
    """Mask SOURCE while it happens: a camera (0, /dev/video0), an rtsp, rtmp or http address, or a file played as if
    it were live. Ctrl-C ends it; recordings are complete then.

    Passwords: write ${NAME} in an address (in single quotes), and it is taken from the environment. Options of the
    stream are set like those of the preset: --set live.fps=30.
    """
    if (source is None) == (config is None):
        raise UsageError("name one SOURCE, or --config FILE with several")
    if config is not None:
        by_hand = ParameterSource.COMMANDLINE
        named = [flag for name, flag in OF_ONE_STREAM.items() if ctx.get_parameter_source(name) is by_hand]
        if named:
            raise UsageError(f"with --config the file says what to do: leave out {named[0]}")
        plans = _plans(config)
    else:
        plans = [_plan(str(source), record=record, push=push, preset=preset, settings=settings, look_ahead=look_ahead)]
    return run(plans, seconds=math.inf if seconds is None else seconds, show=show)


def run(plans: Sequence[StreamPlan], *, seconds: float, show: bool) -> int:
    """Run the streams until they end, ``seconds`` are over, the window is closed, or Ctrl-C. The exit code."""
    logging.getLogger("workbench").addHandler(logging.NullHandler())  # what is to be told is told by the board
    _check_records(plans)
    with ExitStack() as stack:
        window = _window(stack) if show else None
        streams = stack.enter_context(_started(plans))
        board = stack.enter_context(Board())
        ends = time.monotonic() + seconds
        for each in streams:
            if window is not None:
                window.add(each.plan.name, each.session.bus)
        while time.monotonic() < ends:
            states = [(each.plan.name, each.session.status()) for each in streams]
            board.show(states)
            if all(status.state in OVER for _, status in states):
                break
            if window is None:
                time.sleep(min(LOOK_SECONDS, max(ends - time.monotonic(), 0.0)))
            elif not window.show_for(LOOK_SECONDS):
                break
    return max(_ended(each) for each in streams)


@contextmanager
def _started(plans: Sequence[StreamPlan]) -> Iterator[list[_Running]]:
    """The streams at work, on one detector; stopped at the end, whatever ends it, and their records completed."""
    from workbench.live import LiveSession
    from workbench.live.detection import DetectionService
    from workbench.live.sources import open_live_source

    with ExitStack() as stack:
        service = stack.enter_context(DetectionService())
        streams = []
        for plan in plans:
            source = open_live_source(plan.source, plan.options)
            session = LiveSession(source, plan.preset, plan.options, name=plan.name, service=service)
            if plan.record is not None:
                session.record(plan.record)
            if plan.push:
                session.push(plan.push)
            streams.append(_Running(plan, session))
        for each in streams:
            stack.enter_context(each.session)
        try:
            yield streams
        finally:
            for each in streams:
                each.session.stop()
            for each in streams:
                _tell_end(each)


def _tell_end(stream: _Running) -> None:
    status, plan = stream.session.status(), stream.plan
    parts = [f"{status.frames} frames", f"{status.dropped} left out", event_words(status)]
    tell(f"{plan.name}: {', '.join(part for part in parts if part)}")
    if plan.record is not None:
        done = status.recording == "done" and not status.recording_message
        tell(f"{plan.record}: {'recorded' if done else status.recording_message or 'nothing was recorded'}")


def _ended(stream: _Running) -> int:
    """The exit code that one stream stands for."""
    status = stream.session.status()
    recorded = stream.plan.record is None or status.recording == "done"
    return 0 if status.frames and status.state != "failed" and recorded else 1


def _plans(config: Path) -> list[StreamPlan]:
    from workbench.live.config import load_plans

    return load_plans(config)


def _plan(
    source: str,
    *,
    record: Path | None,
    push: str,
    preset: str,
    settings: tuple[str, ...],
    look_ahead: int | None,
) -> StreamPlan:
    from workbench.live.addresses import parse_address
    from workbench.live.config import StreamPlan, with_environment

    address = with_environment(source, where="SOURCE")
    of_stream = [each for each in settings if each.startswith(LIVE_PREFIX)]
    of_preset = tuple(each for each in settings if not each.startswith(LIVE_PREFIX))
    return StreamPlan(
        name=parse_address(address).label,
        source=address,
        preset=chosen_preset(preset, of_preset),
        record=record,
        push=with_environment(push, where="--push"),
        options=_options(of_stream, look_ahead),
    )


def _options(settings: Sequence[str], look_ahead: int | None) -> LiveOptions:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    from workbench.live.config import live_options

    values: dict[str, Any] = {}
    for setting in settings:
        key, _, text = setting.removeprefix(LIVE_PREFIX).partition("=")
        try:
            values[key.strip()] = YAML(typ="safe", pure=True).load(text)
        except (YAMLError, ValueError):
            values[key.strip()] = text
    if look_ahead is not None:
        values["look_ahead_ms"] = look_ahead
    return live_options(values, where="--set live")


def _check_records(plans: Sequence[StreamPlan]) -> None:
    """Raises what would else be found out only when the first picture comes."""
    from workbench.live.recorder import ENDINGS

    named_apart(reads=[Path(plan.source) for plan in plans], writes=[plan.record for plan in plans])
    for plan in plans:
        path = plan.record
        if path is None:
            continue
        if path.suffix.lower() not in ENDINGS:
            raise UsageError(f"{path}: a recording is an MP4 file: give it a name that ends in .mp4")
        if not path.absolute().parent.is_dir():
            raise OutputError(f"{path}: the folder {path.absolute().parent} does not exist: make it first")
        if path.exists():
            raise OutputError(f"{path} exists already: name another file")


def _window(stack: ExitStack) -> Window:
    from workbench.cli.live_window import Window

    return stack.enter_context(Window())
