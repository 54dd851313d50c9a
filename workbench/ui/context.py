"""What the page's handlers and the routes are given: the workspace, the open clips, the queue, and who is asking."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.errors import UsageError
from workbench.jobs.queue import JobQueue
from workbench.ui.live_streams import LiveStreams
from workbench.ui.monitor import Monitor
from workbench.ui.open_clips import OpenClips
from workbench.ui.sessions import Sessions
from workbench.users import Attempts, Users
from workbench.workspace import Workspace, private_folder

if TYPE_CHECKING:
    import fastapi
    import gradio as gr
    from starlette.requests import HTTPConnection

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GIGABYTE = 10**9


@dataclass
class AppContext:
    """All that one running page works with. ``host``: the address it listens on. ``host_names``: further names that
    browsers may know it by. ``page_shown``: somebody has the page before them."""

    workspace: Workspace
    clips: OpenClips
    live: LiveStreams
    queue: JobQueue
    monitor: Monitor
    users: Users
    sessions: Sessions
    max_upload_bytes: int = 2 * GIGABYTE
    retention_hours: float = 72.0
    host: str = LOOPBACK[0]
    host_names: tuple[str, ...] = ()
    attempts: Attempts = field(default_factory=Attempts)
    page_shown: threading.Event = field(default_factory=threading.Event)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the page."""
        return self.host in LOOPBACK

    @property
    def login_needed(self) -> bool:
        """Whether people have to log in: as soon as there are users, and always where others can reach the page."""
        return not self.loopback or bool(self.users.names())

    def close_work(self) -> None:
        """Stop everything that is under way in this program: analyses and live streams."""
        self.clips.close_all()
        self.live.close_all()

    def user_of(self, request: gr.Request | HTTPConnection) -> str:
        """Who is asking. Raises UsageError for nobody."""
        user = getattr(request, "username", None) or getattr(getattr(request, "state", None), "user", None)
        if not user:
            raise UsageError("log in first")
        return str(user)

    def uploads_folder(self, user: str) -> Path:
        """Where a user's uploads arrive."""
        return private_folder(private_folder(self.workspace.gradio_cache / "users") / user / "in")

    def outgoing_folder(self, user: str) -> Path:
        """Where small files made for a user to download are put."""
        return private_folder(private_folder(self.workspace.gradio_cache / "users") / user / "out")

    def uploaded(self, request: gr.Request | fastapi.Request, path: str | Path) -> Path:
        """``path``, as a handler got it from the browser. Raises UsageError unless this user has just uploaded it."""
        real = Path(path).resolve()
        if self.uploads_folder(self.user_of(request)).resolve() not in real.parents or not real.is_file():
            raise UsageError("that file was not uploaded: drop it in again")
        return real


def open_context(
    workspace: Workspace,
    *,
    host: str = LOOPBACK[0],
    host_names: tuple[str, ...] = (),
    max_upload_gb: float = 2.0,
    retention_hours: float = 72.0,
) -> AppContext:
    """Everything for one page over a workspace."""
    queue = JobQueue(workspace.queue_root)
    clips = OpenClips(workspace)
    live = LiveStreams(workspace)
    users = Users(workspace.root)
    return AppContext(
        workspace=workspace,
        clips=clips,
        live=live,
        queue=queue,
        monitor=Monitor(clips, queue, live=live),
        users=users,
        sessions=Sessions(workspace.root / "sessions.json", users),
        max_upload_bytes=round(max_upload_gb * GIGABYTE),
        retention_hours=retention_hours,
        host=host,
        host_names=host_names,
    )
