"""A mail server on a socket that keeps what it is given; it can be stopped."""

from __future__ import annotations

import socketserver
import threading
from contextlib import contextmanager
from email import message_from_bytes, policy


class _Session(socketserver.StreamRequestHandler):
    def handle(self):
        self._say("220 ready")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                data = b"".join(each.removeprefix(b".") for each in lines)
                self.server.mails.append(
                    message_from_bytes(data, policy=policy.default)
                )
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            self._say("250 ok")

    def _say(self, words):
        self.wfile.write(words.encode() + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


@contextmanager
def mailbox(port=0):
    """Yields the server; its `mails` are what arrived, parsed."""
    with _Server(("127.0.0.1", port), _Session) as server:
        server.mails = []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
