"""How well faces are hidden: a timeline or a masked output against ground truth."""

from workbench.evaluate.outputs import evaluate_output
from workbench.evaluate.result import Evaluation, Leak
from workbench.evaluate.timelines import evaluate_timeline
from workbench.evaluate.truth import load_truth

__all__ = ["Evaluation", "Leak", "evaluate_output", "evaluate_timeline", "load_truth"]
