"""A page behind the guard without a network: a workspace, an application with a small Gradio page, and its visitors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from workbench.ui.context import AppContext, open_context
from workbench.ui.loading import load_gradio
from workbench.ui.server import build_app
from workbench.workspace import Workspace

ADDRESS = "http://127.0.0.1:7860"
HERE = {"Origin": ADDRESS}
PASSWORD = "correct horse battery"


def small_page(context: AppContext) -> Any:
    """A Gradio page that says who asks and what was uploaded."""
    gr = load_gradio(context.workspace.gradio_cache)

    def who(request: gr.Request) -> str:
        return context.user_of(request)

    def take(path: str, request: gr.Request) -> str:
        return str(context.uploaded(request, path))

    who.__annotations__ = {"request": gr.Request}
    take.__annotations__ = {"request": gr.Request}
    with gr.Blocks(analytics_enabled=False) as blocks:
        file, told = gr.File(), gr.Textbox()
        gr.Button("who").click(who, None, told, api_name="who")
        gr.Button("take").click(take, file, told, api_name="take")
    return blocks


def served(root: Path, **options: Any) -> tuple[AppContext, Any]:
    """The context and the application over a workspace in ``root``."""
    context = open_context(Workspace(root), **options)
    return context, build_app(context, small_page(context))


def visitor(app: Any, *, address: str = ADDRESS, **options: Any) -> TestClient:
    """A browser that sends what browsers send with requests of the page itself."""
    headers = {"Origin": address, "Sec-Fetch-Site": "same-origin"}
    return TestClient(app, base_url=address, headers=headers, follow_redirects=False, **options)


def logged_in(app: Any, name: str) -> TestClient:
    """A browser in which that user has logged in."""
    client = visitor(app)
    answer = client.post("/login", data={"name": name, "password": PASSWORD})
    assert answer.status_code == 303, answer.text
    return client
