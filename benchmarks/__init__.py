"""What the daemon costs on this machine: `make bench`.

    __main__  runs the daemon and prints the figures
    load      the clients and the servers, on loopback

Figures are the daemon's own CPU time (user and system), because clock time on a shared machine is noise.
May not: import the proxy. It is measured from outside, as installed. Linux only: it reads /proc.
"""
