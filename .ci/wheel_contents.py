"""Fail where a wheel holds what it must not, or lacks what it must hold.

May not: import anything that is not in the standard library.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import PurePosixPath

PLUGIN = "twisted/plugins/pumpproxy_plugin.py"
NEEDED = (PLUGIN, "pumpproxy/py.typed", "pumpproxy/command/units/pumpproxy.service")
"""Beside the modules, which whoever installs it imports."""


def faults(names: list[str]) -> list[str]:
    """What is wrong with a wheel of these files, one phrase each."""
    found = [f"{name} is missing" for name in NEEDED if name not in names]
    for name in names:
        room = PurePosixPath(name).parts[0]
        if room == "pumpproxy" or name == PLUGIN or room.endswith(".dist-info"):
            continue
        found.append(f"{name} does not belong there")
    return found


def main() -> None:
    """Check the wheel that is named on the command line; exit 1 with the faults."""
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        found = faults(wheel.namelist())
    for fault in found:
        sys.stderr.write(f"{sys.argv[1]}: {fault}\n")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
