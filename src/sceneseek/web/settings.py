"""What a server is told when it starts: where it listens, who may do what, and how much of anything it takes."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sceneseek.errors import ValueRefused

DEFAULT_PORT = 8723
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
"""What a browser on this very machine may call the server."""


_EVERYWHERE = frozenset({"0.0.0.0", "::"})


class Role(StrEnum):
    """What a caller may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    """Search and look."""
    OPERATOR = "operator"
    """Also index media, upload, stop jobs and export reports."""
    KEEPER = "keeper"
    """Also forget people and read the audit log."""

    def may(self, needed: Role) -> bool:
        """Whether this role includes ``needed``.

        Example:
            >>> Role.OPERATOR.may(Role.VIEWER), Role.OPERATOR.may(Role.KEEPER)
            (True, False)
        """
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True)
class Token:
    """Somebody who may call the server. The token itself is not kept, only its digest.

    Attributes:
        name: Who it was made for, as the audit log shows it.
        role: What they may do.
        sha256: 64 hexadecimal digits of the token's digest.
        expires: From this moment on it opens nothing; ``None`` for never.
    """

    name: str
    role: Role
    sha256: str
    expires: datetime | None = None


@dataclass(frozen=True)
class Limits:
    """How much of anything the server takes.

    Attributes:
        picture_bytes: Size of a query picture.
        picture_pixels: Its width times height, read from the header before a pixel is decoded.
        upload_bytes: Size of one upload of media, all files together.
        upload_files: Files in one upload.
        arriving_bytes: Bytes of large bodies on their way, all together; half of them of one caller.
        json_bytes: Size of any other request.
        header_seconds: How long a request's headers may take.
        body_seconds: How long a body may take to begin, and between two pieces of it; twice as long for slow senders
            of small bodies. A large one may take longer as long as ``body_rate`` is kept.
        body_rate: Bytes a second that a sender must keep up over the whole body.
        query_pixels: Query pictures with more are made smaller before the server sees them.
        queries: Query pictures kept at a time.
        query_bytes: Bytes of query pictures kept at a time, all together.
        query_seconds: How long a query picture is kept after it was last used.
        waiting: Questions that wait for the model, or for the search, at most; further ones are told to come again.
        decoders: Processes that decode pictures, and so pictures decoded at a time. With tokens, nobody holds
            the last one: it is for the next caller.
        decoder_bytes: Address space of each of them.
        decoder_seconds: Processor time for one picture, and twice as much by the clock.
        clip_seconds: Length of a clip.
        clip_work_seconds: Processor time to make one.
        clip_bytes: Bytes of clips kept at a time, so that their parts can be asked for.
        clip_kept_seconds: How long a clip is kept after it was last asked for.
        jobs: Indexing jobs that wait at most.
        requests_per_second: Sustained requests of one caller; ``burst`` may come at once.
        burst: See ``requests_per_second``.
        login_failures: Wrong tokens from one address within ``login_seconds``, until further wrong ones are told to
            wait. Right ones never are.
        login_seconds: See ``login_failures``.
        looks_seconds: How long looks at pictures are gathered before they become a line in the audit log.
        looks_per_second: Crops, scenes and clips that a viewer may go on to take, ``looks_at_once`` may come at once.
        looks_at_once: See ``looks_per_second``.
        sessions: Browsers logged in at a time.
        session_seconds: How long a session lasts after it was last used.
        connections: Connections served at a time; the greediest stranger gives way when there are more.
        connections_per_address: Of these, connections of one address that nobody known uses.
        connections_per_caller: Connections of one known caller that do not give way to others.
        write_seconds: How long a caller may take nothing of an answer; and after each such time, the answer must have
            moved by ``write_rate`` bytes for each second of it.
        write_rate: See ``write_seconds``.
        listeners: Browsers that follow the progress of a job at a time.
    """

    picture_bytes: int = 25 << 20
    picture_pixels: int = 40_000_000
    upload_bytes: int = 2 << 30
    upload_files: int = 500
    arriving_bytes: int = 5 << 30
    json_bytes: int = 256 << 10
    header_seconds: float = 10.0
    body_seconds: float = 15.0
    body_rate: float = 50_000.0
    query_pixels: int = 12_000_000
    queries: int = 200
    query_bytes: int = 256 << 20
    query_seconds: float = 3600.0
    waiting: int = 32
    decoders: int = 3
    decoder_bytes: int = 2 << 30
    decoder_seconds: float = 15.0
    clip_seconds: float = 30.0
    clip_work_seconds: float = 60.0
    clip_bytes: int = 128 << 20
    clip_kept_seconds: float = 60.0
    jobs: int = 8
    requests_per_second: float = 50.0
    burst: int = 400
    login_failures: int = 5
    login_seconds: float = 60.0
    looks_seconds: float = 60.0
    looks_per_second: float = 5.0
    looks_at_once: int = 2000
    sessions: int = 500
    session_seconds: float = 12 * 3600.0
    connections: int = 200
    connections_per_address: int = 64
    connections_per_caller: int = 16
    write_seconds: float = 30.0
    write_rate: float = 2_000.0
    listeners: int = 32


@dataclass(frozen=True)
class Settings:
    """How a server is set up.

    Attributes:
        host: The address to listen at.
        port: The port.
        tokens: Who may call. Without any, and without ``token_file``, everybody who can reach a loopback address is a
            keeper.
        token_file: Where the tokens are kept; it is read again when it changes.
        media_roots: Folders that may be indexed through the page; the first one receives uploads.
        allowed_hosts: Further names by which browsers reach the server, such as ``search.example.org``.
        every_s: Seconds between the frames taken of a video that is indexed through the page.
        reasons: Whether a search must say why it is made.
        https: Whether browsers reach the server by HTTPS, here or at a proxy: cookies are then never sent without it.
        limits: How much of anything is taken.

    Raises:
        ValueRefused: The address is not a loopback address and there are no tokens, no name is known for it, or a media
            root is no folder.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    tokens: tuple[Token, ...] = ()
    token_file: Path | None = None
    media_roots: tuple[Path, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    every_s: float = 1.0
    reasons: bool = False
    https: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not self.tokens and self.token_file is None and not is_loopback(self.host):
            raise ValueRefused(
                f"the address {self.host} can be reached from other machines and there are no tokens: anybody could "
                "search the gallery. Make one with --make-token NAME --token-file FILE and start with that "
                "--token-file, or listen at 127.0.0.1."
            )
        if self.host in _EVERYWHERE and not self.allowed_hosts:
            raise ValueRefused(
                f"the address {self.host} stands for all addresses of this machine, and no name is known by which "
                "browsers reach it; add --allow-host NAME for each, or listen at one address."
            )
        roots = tuple(Path(root).expanduser().resolve() for root in self.media_roots)
        for root in roots:
            if not root.is_dir():
                raise ValueRefused(f"the media root {root} is no folder; expected a folder with photographs or video.")
        object.__setattr__(self, "media_roots", roots)

    @property
    def host_names(self) -> frozenset[str]:
        """Every name, with port where it needs one, that a request's Host header may carry, in lower case."""
        names = [*self.allowed_hosts]
        if is_loopback(self.host):
            names += LOOPBACK_NAMES
        elif self.host not in _EVERYWHERE:
            names.append(f"[{self.host}]" if ":" in self.host else self.host)
        return frozenset(known for name in names for known in (name.lower(), f"{name.lower()}:{self.port}"))


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0"), is_loopback("example.org")
        (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
