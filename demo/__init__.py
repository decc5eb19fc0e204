"""The demonstration that `make run` starts: stand-ins for pump.io and lighttpd, and the real proxy before them.

    __main__      starts everything, prints what to try, cleans up
    certificates  a certificate authority of its own, made on the spot
    site          a stand-in: one page, and a WebSocket
    websocket     frames (RFC 6455), as little as an echo needs
    daemon        writes the proxy's file and runs it, as a user would
    lines         what to type, and what it shows
    say           a WebSocket client, for one of those lines

May not: be imported by the daemon, or be installed with it. It uses the proxy only from outside: by its file, its
command line and its ports.
"""
