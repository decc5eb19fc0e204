"""`python -m pumpproxy.command`, for where the script is not installed."""

import sys

from pumpproxy.command.main import main

if __name__ == "__main__":
    sys.exit(main())
