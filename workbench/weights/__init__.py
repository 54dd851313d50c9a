"""Model files and the engines that run them: name → path, SHA-256, licence, how to fetch; a session on a device."""

from workbench.weights.converting import convert
from workbench.weights.fetching import fetch
from workbench.weights.manifest import ModelState, find, list_models
from workbench.weights.sessions import Device, Session, open_session

__all__ = ["Device", "ModelState", "Session", "convert", "fetch", "find", "list_models", "open_session"]
