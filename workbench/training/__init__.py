"""Training face detectors of one's own: labels, pictures to learn from, the run, the export and the model card."""
