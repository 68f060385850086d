"""HTTP/1.1 and HTTP/2 as they are seen on the wire: check.py BINARY REPOSITORY."""

import importlib.metadata
import sys
import tempfile
from pathlib import Path

import checks
import exchanges
import framing
import http2
from comity import leave_when_told
from results import report
from wire import Server, Upstream


def main(folder):
    upstream, servers, old, new = Upstream(), [], [0, 0], [0, 0]
    try:
        for mode in ("shadow", "enforce"):
            servers.append(Server(BINARY, REPOSITORY, folder, mode, upstream.url))
        for server in servers:
            server.wait()
            exchanges.begin(server)
        # HTTP/2 comes last: its last check ends the server.
        for module, counts in ((framing, old), (exchanges, old), (http2, new)):
            for server in servers:
                passed, failed = checks.run(module, server, upstream)
                counts[0] += passed
                counts[1] += failed
    finally:
        codes = [server.stop() for server in servers]
    panics = [line for server in servers for line in server.log if "panicked" in line]
    if codes != [0, 0] or panics:
        print(f"FAILED Comity ended with {codes}\n{panics}")
    rows = [
        row("HTTP/1.1 on the wire, raw sockets", old),
        row(f"HTTP/2 on the wire, h2 {importlib.metadata.version('h2')} and raw frames", new),
    ]
    report(*rows)
    return 0 if codes == [0, 0] and not panics and not old[1] and not new[1] else 1


def row(what, counts):
    passed, failed = counts
    result = f"{passed + failed} checks: {passed} passed" + (f", {failed} failed" if failed else "")
    return f"| {what} | Comity before a scripted model server, shadow and enforce | {result} |"


if __name__ == "__main__":
    BINARY, REPOSITORY = sys.argv[1], Path(sys.argv[2])
    leave_when_told()
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
