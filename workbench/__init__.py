"""Face Privacy Workbench: hide every face of a recording, exactly, offline.

What a notebook or a program of yours needs, each with an example that runs. Whatever is not listed in ``__all__`` may
change. In the examples ``clip`` is the path of a short recording and ``truth`` its true faces (``load_truth``),
``session`` the clip opened and analysed (``ClipSession``), and ``folder`` a private place (``results_folder``).

    sample ─▶ ClipSession ─▶ draw_… · tuner · sweep ─▶ save_preset ─▶ process_clip, or JobQueue and work

Importing this loads nothing else: each name is looked up when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.audit.result import hide_too
    from workbench.audit.run import audit_output
    from workbench.detector_evaluation.dataset import load_dataset
    from workbench.detector_evaluation.outputs import result_table
    from workbench.detector_evaluation.run import candidate, evaluate_detectors
    from workbench.evaluate.outputs import evaluate_output
    from workbench.evaluate.timelines import evaluate_timeline
    from workbench.evaluate.truth import load_truth
    from workbench.jobs.queue import JobQueue
    from workbench.jobs.worker import work
    from workbench.presets.files import list_presets, load_preset, save_preset
    from workbench.presets.settings import diff_presets, with_settings
    from workbench.preview.audits import draw_audit
    from workbench.preview.charts import draw_scores, draw_sweep, draw_timeline
    from workbench.preview.compare import compare_masks
    from workbench.preview.drawings import draw_frames, draw_masks, draw_settings
    from workbench.preview.measured import measure_presets
    from workbench.preview.samples import sample, samples
    from workbench.preview.session import ClipSession
    from workbench.preview.sweep import sweep
    from workbench.preview.tuner import tuner
    from workbench.process import analyze_clip, decide_store, render_clip
    from workbench.process import process as process_clip
    from workbench.timeline import KeyBox, decide_track
    from workbench.training.clip_labels import label_clip
    from workbench.training.detector import train_detector
    from workbench.training.options import Recipe
    from workbench.video.stretch import Stretch
    from workbench.weights.manifest import list_models
    from workbench.workspace.results import results_folder

__all__ = [
    "ClipSession",
    "JobQueue",
    "KeyBox",
    "Recipe",
    "Stretch",
    "analyze_clip",
    "audit_output",
    "candidate",
    "compare_masks",
    "decide_store",
    "decide_track",
    "diff_presets",
    "draw_audit",
    "draw_frames",
    "draw_masks",
    "draw_scores",
    "draw_settings",
    "draw_sweep",
    "draw_timeline",
    "evaluate_detectors",
    "evaluate_output",
    "evaluate_timeline",
    "hide_too",
    "label_clip",
    "list_models",
    "list_presets",
    "load_dataset",
    "load_preset",
    "load_truth",
    "measure_presets",
    "process_clip",
    "render_clip",
    "result_table",
    "results_folder",
    "sample",
    "samples",
    "save_preset",
    "sweep",
    "train_detector",
    "tuner",
    "with_settings",
    "work",
]

_PLACES = {
    "ClipSession": "workbench.preview.session.ClipSession",
    "JobQueue": "workbench.jobs.queue.JobQueue",
    "KeyBox": "workbench.timeline.KeyBox",
    "Recipe": "workbench.training.options.Recipe",
    "Stretch": "workbench.video.stretch.Stretch",
    "analyze_clip": "workbench.process.analyze_clip",
    "audit_output": "workbench.audit.run.audit_output",
    "candidate": "workbench.detector_evaluation.run.candidate",
    "compare_masks": "workbench.preview.compare.compare_masks",
    "decide_store": "workbench.process.decide_store",
    "decide_track": "workbench.timeline.decide_track",
    "diff_presets": "workbench.presets.settings.diff_presets",
    "draw_audit": "workbench.preview.audits.draw_audit",
    "draw_frames": "workbench.preview.drawings.draw_frames",
    "draw_masks": "workbench.preview.drawings.draw_masks",
    "draw_scores": "workbench.preview.charts.draw_scores",
    "draw_settings": "workbench.preview.drawings.draw_settings",
    "draw_sweep": "workbench.preview.charts.draw_sweep",
    "draw_timeline": "workbench.preview.charts.draw_timeline",
    "evaluate_detectors": "workbench.detector_evaluation.run.evaluate_detectors",
    "evaluate_output": "workbench.evaluate.outputs.evaluate_output",
    "evaluate_timeline": "workbench.evaluate.timelines.evaluate_timeline",
    "hide_too": "workbench.audit.result.hide_too",
    "label_clip": "workbench.training.clip_labels.label_clip",
    "list_models": "workbench.weights.manifest.list_models",
    "list_presets": "workbench.presets.files.list_presets",
    "load_dataset": "workbench.detector_evaluation.dataset.load_dataset",
    "load_preset": "workbench.presets.files.load_preset",
    "load_truth": "workbench.evaluate.truth.load_truth",
    "measure_presets": "workbench.preview.measured.measure_presets",
    "process_clip": "workbench.process.process",
    "render_clip": "workbench.process.render_clip",
    "result_table": "workbench.detector_evaluation.outputs.result_table",
    "results_folder": "workbench.workspace.results.results_folder",
    "sample": "workbench.preview.samples.sample",
    "samples": "workbench.preview.samples.samples",
    "save_preset": "workbench.presets.files.save_preset",
    "sweep": "workbench.preview.sweep.sweep",
    "train_detector": "workbench.training.detector.train_detector",
    "tuner": "workbench.preview.tuner.tuner",
    "with_settings": "workbench.presets.settings.with_settings",
    "work": "workbench.jobs.worker.work",
}
"""Module and name of everything above. ``process`` is a module here, so its function has another name."""


def __getattr__(name: str) -> Any:
    """Load a public name (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _PLACES[name].rpartition(".")
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
