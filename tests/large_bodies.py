"""Bodies that nobody can wait for the end of."""

from __future__ import annotations

from typing import Any


class Sender:
    """Sends a form of one endless file, as plain ASGI, and counts what is taken of it."""

    def __init__(self, path: str, pieces: int, headers: dict[str, str]) -> None:
        head = b'--x\r\nContent-Disposition: form-data; name="%s"; filename="a"\r\n\r\n'
        self._piece = head % (b"files" if path.endswith("uploads") else b"picture")
        self._pieces = pieces
        self.taken = self.status = 0
        self.headers: dict[str, str] = {}
        sent = {"host": "127.0.0.1:8723", "content-type": "multipart/form-data; boundary=x", **headers}
        self.scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("5.5.5.5", 1),
        }

    async def receive(self) -> dict[str, Any]:
        piece, self._piece = self._piece, b"y" * 65_536
        self.taken += len(piece)
        self._pieces -= 1
        return {"type": "http.request", "body": piece, "more_body": self._pieces > 0}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
