"""Looks again at a finished output: does a face still show, and are time and sound those of the source?"""

from workbench.audit.result import Audit, Showing, audit_path, hide_too, save_audit
from workbench.audit.run import EYES, audit_output

__all__ = ["EYES", "Audit", "Showing", "audit_output", "audit_path", "hide_too", "save_audit"]
