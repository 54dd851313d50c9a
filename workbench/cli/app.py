"""The command ``workbench`` and its subcommands, each loaded only when it is asked for."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "app": ("workbench.cli.serve", "Show the page in a browser of this machine."),
    "process": ("workbench.cli.video", "Mask every face of a clip, several clips or a folder."),
    "analyze": ("workbench.cli.video", "Find and track the faces of a clip; write the timeline."),
    "render": ("workbench.cli.video", "Write a masked clip from a timeline."),
    "live": ("workbench.cli.live", "Mask cameras and streams while they happen."),
    "jobs": ("workbench.cli.jobs", "Queue clips, watch them, and work through the queue."),
    "audit": ("workbench.cli.audit", "Look again at a masked clip: does a face still show?"),
    "evaluate": ("workbench.cli.evaluate", "Measure a timeline or a masked clip against ground truth."),
    "evaluate-detector": ("workbench.cli.evaluate_detector", "Measure face detectors on labelled pictures."),
    "train": ("workbench.cli.train", "Train a face detector on your own pictures."),
    "train-mask": ("workbench.cli.train_mask", "Train a mask that invents faces on pictures of your own."),
    "presets": ("workbench.cli.presets", "List, show, check and compare presets."),
    "models": ("workbench.cli.models", "List, fetch and convert model files."),
    "users": ("workbench.cli.serve", "Who may log in to the page."),
    "doctor": ("workbench.cli.doctor", "What is installed, what really works, how to fix the rest."),
    "bench": ("workbench.cli.bench", "Measure the speed on this machine."),
}


class _Lazy(click.Group):
    """A group whose commands are imported when they run, so that ``--help`` answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(COMMANDS[cmd_name][0])
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="face-privacy-workbench")
def workbench() -> None:
    """Hide every face of a recording: exact in time and sound, fast on a small CPU, fully offline.

    Exit codes: 0 done, 1 failed, 2 wrong use, 3 done but needs review, 130 stopped.
    """
