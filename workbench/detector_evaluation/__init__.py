"""How well detectors find the faces of labelled pictures, clean and spoilt."""
