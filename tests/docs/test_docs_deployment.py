"""What deploys the workbench: the Dockerfile, the service file and the proxy's settings agree with the program.

Docker itself is not needed: what can be checked without building an image is checked.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.docs.shell_lines import PROJECT, parse

DOCKERFILE = (PROJECT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
ASSETS = PROJECT / "docs" / "assets"


def steps(keyword: str) -> list[str]:
    """The arguments of an instruction of the Dockerfile, wherever it stands."""
    return re.findall(rf"^{keyword} +(.*)$", DOCKERFILE, re.MULTILINE)


def copied() -> list[str]:
    return [name for step in steps("COPY") for name in step.split()[:-1]]


def test_the_image_is_made_by_make_setup_for_cpu_and_cuda() -> None:
    stages = [step.partition(" AS ")[2] for step in steps("FROM")]
    assert stages == ["cpu", "cuda", ""]
    assert steps("FROM")[-1] == "${DEVICE}"
    assert steps("ARG") == ["DEVICE=cpu"]
    assert [step for step in steps("RUN") if "make" in step and "apt-get" not in step] == [
        "PIP_NO_CACHE_DIR=1 make setup"
    ]
    assert not [step for step in steps("RUN") if "pip install" in step]


@pytest.mark.parametrize("stage", ["cpu", "cuda"])
def test_what_is_copied_is_enough_for_make_setup(stage: str, tmp_path: Path) -> None:
    for name in copied():
        source = PROJECT / name
        assert source.exists(), name
        if source.is_file():
            shutil.copy(source, tmp_path / name)
    of_stage = DOCKERFILE.partition(f" AS {stage}")[2].partition("FROM")[0]
    extras = re.search(r"\bEXTRAS=(\S*)", of_stage)
    assert extras
    run = subprocess.run(
        ["make", "--dry-run", "setup", f"EXTRAS={extras[1]}"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert f'-c constraints.txt -e ".{f"[{extras[1]}]" if extras[1] else ""}"' in run.stdout
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert not extras[1] or extras[1] in project["optional-dependencies"]
    for needed in (project["readme"], *project["license-files"]):
        assert needed in copied()


def test_docker_sends_nothing_but_what_is_copied() -> None:
    lines = (PROJECT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied())


def test_what_the_image_runs_is_a_command() -> None:
    (entry,), (default,) = steps("ENTRYPOINT"), steps("CMD")
    assert json.loads(entry) == ["workbench"]
    parse(json.loads(default))
    (tried,) = [step for step in steps("RUN") if "workbench process" in step]
    first = shlex.split(tried.partition("&&")[0])
    parse(first[1:])
    assert (PROJECT / first[2]).is_file()


def test_the_image_does_not_run_as_root() -> None:
    assert steps("USER") == ["workbench"]
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")


def test_conda_installs_what_pip_does() -> None:
    text = (PROJECT / "environment.yml").read_text("utf-8")
    assert "- -c constraints.txt" in text
    assert "- -e ." in text
    oldest = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    assert f"python={oldest.removeprefix('>=')}" in text


def test_the_service_starts_a_command() -> None:
    service = (ASSETS / "workbench.service").read_text("utf-8")
    words = shlex.split(re.search(r"^ExecStart=(.*)$", service, re.MULTILINE)[1])  # type: ignore[index]
    assert words[0].endswith("/.venv/bin/workbench")
    parse(words[1:])
    workspace = re.search(r"^Environment=WORKBENCH_WORKSPACE=/var/lib/(\S+)$", service, re.MULTILINE)
    assert workspace
    assert f"StateDirectory={workspace[1]}" in service  # systemd makes it, and lets the service write there


@pytest.mark.skipif(shutil.which("nginx") is None and not Path("/usr/sbin/nginx").exists(), reason="needs nginx")
def test_nginx_accepts_the_proxy_settings(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=masks.example.org",
         "-keyout", certificate, "-out", tmp_path / "chain.pem"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    text = (ASSETS / "nginx.conf").read_text("utf-8")
    text = text.replace("/etc/ssl/masks.example.org/fullchain.pem", str(tmp_path / "chain.pem"))
    text = text.replace("/etc/ssl/masks.example.org/privkey.pem", str(certificate))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log; events {{}} http {{ access_log off;\n{text}}}\n"
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    run = subprocess.run(
        [program, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
