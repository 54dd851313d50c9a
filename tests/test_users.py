"""Who may log in: hashes alone are kept, guessing gets slower, and a damaged list lets nobody in."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from workbench.cli.app import workbench
from workbench.errors import UsageError
from workbench.users import FORGET_SECONDS, FREE_ATTEMPTS, LONGEST_PAUSE_SECONDS, Attempts, Users

PASSWORD = "correct horse battery"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    return Users(tmp_path / "workspace")


class Clock:
    """Time that passes when told."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_only_an_argon2id_hash_is_kept(users: Users, tmp_path: Path):
    users.add("anna", PASSWORD)
    path = tmp_path / "workspace" / "users.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PASSWORD not in path.read_text()
    assert "$argon2id$v=19$m=65536,t=3,p=4$" in path.read_text()


def test_the_right_password_of_a_known_name_alone_is_accepted(users: Users):
    users.add("anna", PASSWORD)
    assert users.verify("anna", PASSWORD)
    assert not users.verify("anna", PASSWORD + " ")
    assert not users.verify("anna", "")
    assert not users.verify("bert", PASSWORD)
    assert not users.verify("bert", "nobody's password")


def test_two_users_with_one_password_have_different_hashes(users: Users, tmp_path: Path):
    users.add("anna", PASSWORD)
    users.add("bert", PASSWORD)
    (hashes,) = json.loads((tmp_path / "workspace" / "users.json").read_text()).values()
    assert hashes["anna"] != hashes["bert"]
    assert users.names() == ["anna", "bert"]


@pytest.mark.parametrize("name", ["", "Anna", "a b", "../a", ".a", "-a", "local", "a" * 33, "a\n"])
def test_names_that_are_refused(users: Users, name: str):
    with pytest.raises(UsageError, match="cannot be a user's name"):
        users.add(name, PASSWORD)
    assert users.names() == []


def test_short_passwords_and_taken_names_are_refused(users: Users):
    with pytest.raises(UsageError, match="at least 10"):
        users.add("anna", "short")
    users.add("anna", PASSWORD)
    with pytest.raises(UsageError, match="already"):
        users.add("anna", "another password")
    assert users.verify("anna", PASSWORD)


def test_a_new_password_and_a_removal_change_the_stamp(users: Users):
    users.add("anna", PASSWORD)
    first = users.stamp("anna")
    users.set_password("anna", PASSWORD)
    assert first != users.stamp("anna") is not None
    users.remove("anna")
    assert users.stamp("anna") is None
    assert not users.verify("anna", PASSWORD)
    with pytest.raises(UsageError, match="no user anna"):
        users.remove("anna")


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"users 1": []}', '{"users 1": null}', "\xff"])
def test_a_damaged_list_is_no_empty_list(users: Users, tmp_path: Path, content: str):
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "users.json").write_text(content, encoding="latin-1")
    with pytest.raises(UsageError, match="cannot be read"):
        users.names()
    with pytest.raises(UsageError):
        users.verify("anna", PASSWORD)


def test_guessing_gets_slower_and_slower():
    clock = Clock()
    attempts = Attempts(clock)
    pauses = []
    for _ in range(FREE_ATTEMPTS + 20):
        assert attempts.pause_seconds("name anna") == 0
        attempts.failed("name anna", "address 1")
        pauses.append(attempts.pause_seconds("name anna"))
        clock.now += pauses[-1]
    assert pauses[: FREE_ATTEMPTS - 1] == [0] * (FREE_ATTEMPTS - 1)
    assert pauses[FREE_ATTEMPTS - 1 : FREE_ATTEMPTS + 3] == [2, 4, 8, 16]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS


def test_attempts_are_counted_by_name_and_by_address_and_forgotten():
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(FREE_ATTEMPTS):
        attempts.failed("name anna", "address 1")
    assert attempts.pause_seconds("name bert", "address 2") == 0
    assert attempts.pause_seconds("name bert", "address 1") > 0
    assert attempts.pause_seconds("name anna", "address 2") > 0
    attempts.succeeded("name anna")
    assert attempts.pause_seconds("name anna") == 0
    clock.now += FORGET_SECONDS + 1
    assert attempts.pause_seconds("address 1") == 0


def test_users_are_managed_on_the_command_line(tmp_path: Path):
    where = ["--workspace", str(tmp_path / "w")]

    def users(*arguments: str, typed: str = "") -> object:
        return CliRunner().invoke(workbench, ["users", *arguments, *where], input=typed)

    assert users("add", "anna", "--password-stdin", typed=f"{PASSWORD}\n").exit_code == 0
    assert users("list").output == "anna\n"
    assert Users(tmp_path / "w").verify("anna", PASSWORD)
    assert users("password", "anna", "--password-stdin", typed="another password\n").exit_code == 0
    assert not Users(tmp_path / "w").verify("anna", PASSWORD)
    asked = users("add", "bert")
    assert isinstance(asked.exception, UsageError)
    assert "--password-stdin" in str(asked.exception)
    assert users("remove", "anna").exit_code == 0
    assert users("list").output == ""
