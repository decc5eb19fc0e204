"""Names the service to twistd.

May do nothing else: every twistd of the machine imports this file while Twisted's plugin cache is stale.
"""

from twisted.application.service import ServiceMaker

pumpproxy = ServiceMaker(
    "pumpproxy",
    "pumpproxy.tap",
    "Share ports 80 and 443 among several servers, by name",
    "pumpproxy",
)
