"""Where a figure was taken, what the machine allows, and a network of our own.

May not: change the machine: limits are this process's and its children's, and the network is a namespace.
"""

from __future__ import annotations

import fcntl
import os
import platform
import resource
import shutil
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.processes import available_memory, total_memory

OWN_NETWORK = "PUMPPROXY_BENCHMARKS_NETWORK"
"""Set in the environment of what runs in a network namespace of its own."""

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 0x1
"""netdevice(7); the same on every architecture of Linux."""

SPARE = 1500
"""Descriptors beside the relays': the connections that are opened besides, listeners, logs, HAProxy's reserve."""

KERNEL_MEMORY = 32 << 10
"""Bytes that a relay may take on this machine: four sockets, twice two ends, with room for what is in flight."""

Facts = dict[str, str]


def facts() -> Facts:
    """The machine and the day, in words."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": f"{os.cpu_count()} x {model}",
        "memory": f"{total_memory() / 2**30:.0f} GiB",
        "kernel": f"Linux {platform.release()}",
        "python": platform.python_version(),
        "user": "root" if os.geteuid() == 0 else "an ordinary user",
    }


def enter_own_network() -> None:
    """Start this command anew in an empty network where only root's rights allow it; there no port is anybody else's.

    Where they do not, nothing happens: the ports are the kernel's free ones either way.
    """
    if os.environ.get(OWN_NETWORK):
        _raise_loopback()
        return
    unshare = shutil.which("unshare")
    if os.geteuid() != 0 or unshare is None:
        return
    apart = [unshare, "--net", "--"]
    if subprocess.run([*apart, "true"], check=False, capture_output=True).returncode == 0:
        command = [*apart, sys.executable, "-m", "benchmarks", *sys.argv[1:]]
        os.execve(unshare, command, {**os.environ, OWN_NETWORK: "1"})  # noqa: S606 - no shell is wanted


def _raise_loopback() -> None:
    """A new namespace's loopback interface is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack_from("16sh", answer)[1]
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | IFF_UP))


def raise_descriptors(wanted: int) -> int:
    """Raise the limit of open files to `wanted`, or as far as it goes; where it is then. Children inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        ceiling = int(Path("/proc/sys/fs/nr_open").read_text("ascii"))
        # The hard limit is raised with root's rights only, and a container may withhold them from root.
        with suppress(ValueError, PermissionError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, min(wanted, ceiling)))
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def relays_allowed(wanted: int) -> tuple[int, str]:
    """How many relays can be open at once, and what does not allow more; no reason where all can."""
    limit = raise_descriptors(2 * wanted + SPARE)
    used, _, most = (int(word) for word in Path("/proc/sys/fs/file-nr").read_text("ascii").split())
    more = "root may raise it" if os.geteuid() else "and this root may not raise it (CAP_SYS_RESOURCE)"
    reasons = {
        (limit - SPARE) // 2: f"the limit of open files (ulimit -Hn) is {limit}, a relay takes two; {more}",
        (most - used) // 4: f"the system allows {most} open files (a relay takes four here): fs.file-max",
        available_memory() // KERNEL_MEMORY: "memory: a relay is given 32 KiB here, the kernel's sockets included",
    }
    allowed = min(reasons)
    return (wanted, "") if allowed >= wanted else (allowed, reasons[allowed])
