"""Training of the generative masks: invented faces, learnt from rendered people who do not exist."""
