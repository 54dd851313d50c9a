"""Video in and out: the only package that knows PyAV. Import its modules; nothing is imported here."""
