"""The audit as the last step of a job: asked for by a preset, told as one work with the masking, kept in the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from workbench.audit.run import audit_output
from workbench.presets.model import Preset
from workbench.report import Report, save_report
from workbench.stages import Progress, ProgressUpdate
from workbench.timeline import Timeline
from workbench.video.stretch import WHOLE, Stretch


def masking_progress(preset: Preset, progress: Progress | None) -> Progress | None:
    """What masking tells its progress to. With an audit to come it is the first half of the work."""
    if progress is None or not preset.output.audit:
        return progress

    def first_half(update: ProgressUpdate) -> None:
        expected = update.frames_expected
        progress(replace(update, frames_expected=None if expected is None else 2 * max(expected, update.frames_done)))

    return first_half


def looked_again(
    report: Report,
    output: Path,
    source: Path,
    timeline: Timeline,
    preset: Preset,
    *,
    stretch: Stretch = WHOLE,
    progress: Progress | None = None,
) -> Report:
    """The report, with an audit of the finished ``output`` where the preset asks for one; saved anew then."""
    if not preset.output.audit:
        return report

    def second_half(update: ProgressUpdate) -> None:
        if progress is not None:
            progress(ProgressUpdate(report.frames + update.frames_done, 2 * report.frames, report.hidden_boxes))

    audit = audit_output(output, source, timeline=timeline, stretch=stretch, progress=second_half)
    report = replace(report, audit=audit.as_dict(files={"source": report.source, "output": report.output}))
    save_report(report, output)
    return report
