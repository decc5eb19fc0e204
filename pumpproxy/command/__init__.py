"""The command `pumpproxy`: the daemon in the foreground, and what is asked about a file without one.

`main` reads the words and calls one module a subcommand, which alone is imported then: `run`, `check`, `route`, `unit`.
May not: decide what `policy` decides, or read a file otherwise than the daemon does.
"""
