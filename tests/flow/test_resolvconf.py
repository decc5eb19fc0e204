"""The system's files about names: read when they have changed, and never waited for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pumpproxy.flow.resolvconf import SystemFiles
from pumpproxy.wire.resolvconf import ResolvConf

if TYPE_CHECKING:
    from pathlib import Path


class Files(SystemFiles):
    """Both, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.conf_path, self.hosts_path = folder / "resolv.conf", folder / "hosts"
        super().__init__(str(self.conf_path), str(self.hosts_path))


@pytest.fixture(name="files")
def _files(tmp_path: Path) -> Files:
    """Neither is there."""
    return Files(tmp_path)


def test_files_that_are_not_there_say_nothing(files: Files) -> None:
    """The nameserver then is this host."""
    assert files.resolv_conf().nameservers == ("127.0.0.1",)
    assert files.addresses("app") == ()


def test_the_system_s_own_files_are_read() -> None:
    """Where nobody says otherwise."""
    files = SystemFiles()
    assert files.resolv_conf().nameservers
    assert "127.0.0.1" in files.addresses("localhost")


def test_a_change_is_seen(files: Files) -> None:
    """Whether the file is written anew, replaced, or taken away."""
    files.conf_path.write_text("nameserver 192.0.2.1\n")
    files.hosts_path.write_text("192.0.2.1 App\n")
    assert files.resolv_conf().nameservers == ("192.0.2.1",)
    assert files.addresses("app") == ("192.0.2.1",)
    files.conf_path.write_text("nameserver 192.0.2.22\n")
    replacement = files.hosts_path.with_suffix(".new")
    replacement.write_text("192.0.2.2 App\n")
    before = files.hosts_path.stat()
    os.utime(replacement, ns=(before.st_atime_ns, before.st_mtime_ns))
    replacement.replace(files.hosts_path)
    assert files.resolv_conf().nameservers == ("192.0.2.22",)
    assert files.addresses("app") == ("192.0.2.2",)
    files.conf_path.unlink()
    files.hosts_path.unlink()
    assert files.resolv_conf().nameservers == ("127.0.0.1",)
    assert files.addresses("app") == ()


def test_a_link_is_followed(files: Files) -> None:
    """/etc/resolv.conf is one on many systems; where it leads may change, too."""
    for number in (1, 2):
        (files.conf_path.parent / f"real{number}").write_text(f"nameserver 192.0.2.{number}\n")
    files.conf_path.symlink_to("real1")
    assert files.resolv_conf().nameservers == ("192.0.2.1",)
    files.conf_path.unlink()
    files.conf_path.symlink_to("real2")
    assert files.resolv_conf().nameservers == ("192.0.2.2",)


def test_what_has_not_changed_is_not_read_again(files: Files) -> None:
    """A look at the inode is enough."""
    files.conf_path.write_text("nameserver 192.0.2.1\n")
    files.hosts_path.write_text("192.0.2.1 app\n")
    conf, found = files.resolv_conf(), files.addresses("app")
    assert files.resolv_conf() is conf
    assert files.addresses("app") is found


def test_nobody_waits_for_a_writer(files: Files) -> None:
    """A FIFO, or a folder, counts as empty."""
    os.mkfifo(files.conf_path)
    files.hosts_path.mkdir()
    assert files.resolv_conf().nameservers == ("127.0.0.1",)
    assert files.addresses("app") == ()


def test_what_cannot_be_read_counts_as_empty(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no reason to stop."""
    files.hosts_path.write_text("192.0.2.1 app\n")

    def refuse(*_arguments: object, **_options: object) -> str:
        raise PermissionError

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    assert files.addresses("app") == ()


def test_any_bytes_are_text(files: Files) -> None:
    """Names are ASCII, comments are not."""
    files.conf_path.write_bytes(b"# M\xfcller, \xc3\xa4\nnameserver 192.0.2.1\nsearch \xff.example a.example\n")
    assert files.resolv_conf() == ResolvConf(nameservers=("192.0.2.1",), search=("a.example",))
