"""Tests of the documentation that is made of the schema."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pumpproxy.config import reference, schema
from pumpproxy.config.load import load_text
from pumpproxy.config.option import Named, Option

ROOT = Path(__file__).parents[2]


def test_the_page_is_the_schemas() -> None:
    """docs/configuration.md is what `python -m pumpproxy.config.reference` writes."""
    command = [sys.executable, "-m", "pumpproxy.config.reference"]
    written = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode("utf-8")
    assert written == (ROOT / "docs" / "configuration.md").read_text("utf-8")


@pytest.mark.parametrize("row", schema.ROWS, ids=lambda row: f"{row.kind.value}-{row.key}")
def test_every_key_has_its_entry(row: Option[object] | Named[object]) -> None:
    """With the form of its value, its default, and whether a reload takes it."""
    argument = f" {row.argument}" if isinstance(row, Named) else ""
    page = reference.page()
    section = page[page.index(f"## `[{row.kind.value}") :]
    entry = section[section.index(f"### `{row.key}{argument}` = {row.value}\n") :].split("\n### ")[0]
    facts = entry.splitlines()[2]
    assert f"reload: {row.reload}" in facts
    if isinstance(row, Option):
        assert f"default: {f'`{row.default}`' if row.default else row.unset}" in facts
        assert ("also in `[defaults]`" in facts) == row.inherited
    assert " ".join(row.doc.split()) in " ".join(entry.split())


def test_the_hosts_of_the_page_are_read() -> None:
    """Each form that the page shows is one that the reader takes."""
    text = "[frontend f]\nmode = {}\nbind = {}\n{}"
    for address in ("*:443", "0.0.0.0:443", "[::]:443", "192.0.2.1:443", "unix:/run/app.sock", "systemd:NAME"):
        assert f"`{address}`" in reference.page()
        assert load_text(text.format("tls", address, "route example.org = drop"), "t").warnings == ()
    page = " ".join(reference.page().split())
    for mode, host in (
        ("tls", "example.org"), ("tls", "*.example.org"), ("tls", ".example.org"), ("tls", "bücher.example"),
        ("http", "example.org/.well-known/acme-challenge/"), ("tls", "example.org if alpn acme-tls/1"),
    ):  # fmt: skip
        assert host in page
        assert load_text(text.format(mode, "*:1", f"route {host} = drop"), "t").warnings == ()
