"""The private folder: every user's clips and presets, the queue, the page's cache. Readable by its owner alone.

root/                     0700, held by one page at a time
  jobs.sqlite  jobs/      the queue
  users.json              who may log in
  users/NAME/clips/ID/    clip.json  source.mp4  truth.csv  cache/  previews/
  users/NAME/presets/
  gradio/                 uploads on their way in, small downloads on their way out
"""

from workbench.workspace.clips import Clip, UserSpace, display_name
from workbench.workspace.private import default_root, private_folder
from workbench.workspace.root import LOCAL_USER, USER_NAME, Workspace

__all__ = [
    "LOCAL_USER",
    "USER_NAME",
    "Clip",
    "UserSpace",
    "Workspace",
    "default_root",
    "display_name",
    "private_folder",
]
