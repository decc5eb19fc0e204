"""Giving way to a successor: the same program, started anew, that takes the listening sockets over."""
