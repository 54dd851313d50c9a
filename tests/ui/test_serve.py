"""``workbench app`` as its user meets it: an address soon, one-line errors, and nothing left running at the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.conftest import ShortClip
from workbench.jobs.queue import JobQueue
from workbench.ui.loading import load_gradio

PROGRAM = [sys.executable, "-m", "workbench", "app"]
ADDRESS = re.compile(r"http://\S+:(\d+)")


SLOW = """
import time
from workbench.cli import main
from workbench.ui.monitor import Monitor
Monitor.sample = lambda self, user: time.sleep(60)
main()
"""
"""The program with an answer that takes a minute."""


@contextmanager
def running(root: Path, *arguments: str, program: list[str] = PROGRAM) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The program over a workspace, once it is ready, and its address. Killed at the end if it still runs."""
    command = [*program, "--port", "0", "--workspace", str(root), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            found = ADDRESS.search(program.stdout.readline())
            assert found, program.stderr.read() if program.stderr else ""
            yield program, found[0]
        finally:
            program.kill()


def stopped(program: subprocess.Popen[str]) -> int:
    """The exit code after Ctrl-C, which ends everything within three seconds on a machine that is free."""
    begin = time.monotonic()
    program.send_signal(signal.SIGINT)
    code = program.wait(timeout=30)
    assert time.monotonic() - begin < 3 * (1 + os.getloadavg()[0] / (os.cpu_count() or 1))
    return code


def refused(*arguments: str) -> tuple[int, str]:
    """Exit code and message of a program that does not start."""
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stderr


def worker_of(program: subprocess.Popen[str]) -> psutil.Process:
    deadline = time.monotonic() + 60
    while not (children := psutil.Process(program.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return children[0]


def until_gone(process: psutil.Process, seconds: float) -> None:
    psutil.wait_procs([process], timeout=seconds)
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_the_page_is_there_does_jobs_and_ends_with_all_it_started(tmp_path: Path, short_clip: ShortClip):
    root = tmp_path / "w"
    with running(root) as (program, address):
        with urllib.request.urlopen(address, timeout=60) as page:
            assert b"gradio" in page.read()
        with JobQueue(root) as queue:
            job = queue.submit(short_clip("meeting_grid", frames=5))
            worker = worker_of(program)
            deadline = time.monotonic() + 100
            while queue.get(job.id).state in ("queued", "running"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert queue.get(job.id).state in ("done", "needs_review")
        open_stream = socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])))
        assert stopped(program) == 130
        open_stream.close()
        assert not worker.is_running()


def test_an_answer_that_takes_long_does_not_keep_the_program_alive(tmp_path: Path):
    slow = [sys.executable, "-c", SLOW, "app"]
    with (
        running(tmp_path / "w", "--no-workers", program=slow) as (program, address),
        socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1]))) as asking,
    ):
        asking.sendall(b"GET /api/monitor HTTP/1.1\r\nHost: localhost\r\n\r\n")
        time.sleep(1)
        assert psutil.Process(program.pid).children() == []
        assert stopped(program) == 130


def test_a_program_that_is_killed_takes_its_worker_along(tmp_path: Path):
    root = tmp_path / "w"
    with running(root) as (program, _):
        worker = worker_of(program)
        code, message = refused("--port", "0", "--workspace", str(root))
        assert code == 2
        assert message.count("\n") == 1
        assert "another workbench page uses" in message
        worker.kill()
        deadline = time.monotonic() + 60
        while (again := worker_of(program)).pid == worker.pid:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        program.kill()
        until_gone(again, 20)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_others_are_let_in_only_where_they_log_in(tmp_path: Path, host: str):
    code, message = refused("--host", host, "--port", "0", "--workspace", str(tmp_path / "w"))
    assert code == 2
    assert message.count("\n") == 1
    assert "workbench users add NAME" in message


def test_a_taken_port_is_one_line(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, message = refused("--port", port, "--workspace", str(tmp_path / "w"))
    assert code == 1
    assert message.count("\n") == 1
    assert f"port {port} on 127.0.0.1 cannot be used (Address already in use)" in message


def test_the_program_cannot_leave_the_machine():
    code = (
        "import socket\n"
        "from workbench.ui.offline import stay_local\n"
        "stay_local()\n"
        "own = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(own.getsockname()).close()\n"
        "left, right = socket.socketpair()\n"
        "left.sendmsg([b'x'])\n"
        "for leave in (lambda: socket.create_connection(('192.0.2.1', 80), 1),\n"
        "              lambda: socket.gethostbyname('example.com'),\n"
        "              lambda: socket.getaddrinfo('example.com', 80),\n"
        "              lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))):\n"
        "    try:\n"
        "        leave()\n"
        "    except PermissionError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "the workbench does not leave this machine\n" * 4, done.stderr


def test_gradio_is_loaded_without_writing_into_its_installation(tmp_path: Path):
    code = (
        "import inspect\n"
        "getfile = inspect.getfile\n"
        "from workbench.ui.loading import load_gradio\n"
        "import pathlib\n"
        "read = pathlib.Path.read_text\n"
        "opened = []\n"
        "pathlib.Path.read_text = lambda self, *a, **k: opened.append(self.suffix) or read(self, *a, **k)\n"
        "gr = load_gradio()\n"
        "assert inspect.getfile is getfile\n"
        "assert '.pyi' not in opened, opened\n"
        "assert gr.Blocks(analytics_enabled=None).analytics_enabled is False\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert load_gradio().Textbox
