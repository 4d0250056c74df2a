"""``sceneseek serve``: the gallery as a web page and an HTTP interface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sceneseek.cli.console import err, escape, out
from sceneseek.errors import ModelError, ValueRefused, suggest

if TYPE_CHECKING:
    from uvicorn import Server

    from sceneseek.finder import Finder
    from sceneseek.web import Settings, Token


def serve(  # noqa: PLR0913 - the options of a command are its parameters
    gallery: Annotated[Path | None, typer.Option("--gallery", "-g", help="The gallery's folder.")] = None,
    host: Annotated[str, typer.Option("--host", help="The address to listen at; any but loopback needs tokens.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port.")] = 8723,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="Who may call, and as what; see --make-token.")
    ] = None,
    make_token: Annotated[
        str | None,
        typer.Option("--make-token", help="Make a token for NAME, add it to --token-file, print it once, and exit."),
    ] = None,
    role: Annotated[
        str,
        typer.Option(
            "--role",
            help="What the new token's owner may do: viewer (search), operator (index, export), keeper (forget).",
        ),
    ] = "viewer",
    expires: Annotated[
        float | None, typer.Option("--expires", min=0, help="Days until the new token opens nothing any more.")
    ] = None,
    media_root: Annotated[
        list[Path] | None,
        typer.Option(
            "--media-root",
            help="A folder that may be indexed through the page; repeatable. The first one receives uploads.",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", help="A further name by which browsers reach the server; repeatable."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--tls-certificate", help="Serve HTTPS with this certificate (PEM).")
    ] = None,
    key: Annotated[Path | None, typer.Option("--tls-key", help="The certificate's key (PEM).")] = None,
    behind_proxy: Annotated[
        str | None,
        typer.Option(
            "--behind-proxy",
            help="The address of a proxy that speaks HTTPS to browsers, whose X-Forwarded-For is true.",
        ),
    ] = None,
    every: Annotated[
        float, typer.Option("--every", min=0, help="Seconds between the frames taken of a video; 0: each.")
    ] = 1.0,
    require_reason: Annotated[
        bool, typer.Option("--require-reason", help="Refuse searches that do not say why they are made.")
    ] = False,
    model: Annotated[
        str | None, typer.Option("--model", "-m", help="The model to use. Default: the one that made the gallery.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="Where the model runs: cpu, cuda, cuda:1, mps.")] = "cpu",
) -> None:
    """Serve a gallery as a web page, for this machine alone or, with tokens, for others.

    Without tokens the server listens at a loopback address only. A gallery that does not exist yet is made.
    """
    if make_token is not None:
        _make_token(make_token, role, token_file, expires)
        return
    if gallery is None:
        raise ValueRefused("no gallery was given; expected --gallery FOLDER.")
    if (certificate is None) != (key is None):
        raise ValueRefused("--tls-certificate and --tls-key belong together; one of them is missing.")
    if behind_proxy is not None and token_file is None:
        raise ValueRefused("--behind-proxy lets others in, and there are no tokens: add --token-file FILE.")
    from sceneseek.web import Settings
    from sceneseek.web.listening import taken

    settings = Settings(
        host=host,
        port=port,
        tokens=_tokens(token_file),
        token_file=token_file,
        media_roots=tuple(media_root or ()),
        allowed_hosts=tuple(allow_host or ()),
        every_s=every,
        reasons=require_reason,
        https=certificate is not None or behind_proxy is not None,
    )
    sockets = taken(host, port)
    finder = _finder(gallery, model, device)
    scheme = "https" if certificate is not None else "http"
    shown = f"[{host}]" if ":" in host else host
    out.print(f"[bold]Open[/bold] {scheme}://{escape(shown)}:{port}/", highlight=False, soft_wrap=True)
    _server(finder, settings, certificate, key, behind_proxy).run(sockets)


def _make_token(name: str, role: str, path: Path | None, days: float | None) -> None:
    from datetime import UTC, datetime, timedelta

    from sceneseek.web import Role
    from sceneseek.web.tokens import make_token

    if path is None:
        raise ValueRefused("--make-token needs --token-file FILE: that is where the token's digest is kept.")
    roles = [str(known) for known in Role]
    if role not in roles:
        raise ValueRefused(f"--role is {role!r}.{suggest(role, roles)}")
    end = None if days is None else datetime.now(UTC) + timedelta(days=days)
    token = make_token(path, name, Role(role), end)
    until = "" if end is None else f" until {end:%Y-%m-%d %H:%M} UTC"
    err.print(f"{escape(name)} may call as {role}{until}. The token, shown this once:", highlight=False)
    out.print(token, highlight=False, soft_wrap=True)


def _tokens(path: Path | None) -> tuple[Token, ...]:
    from sceneseek.web.tokens import read_tokens

    return () if path is None else read_tokens(path)


def _finder(gallery: Path, model: str | None, device: str) -> Finder:
    from sceneseek.cli.index import DEFAULT_MODEL, known_model
    from sceneseek.finder import Finder
    from sceneseek.gallery import Gallery
    from sceneseek.inference.predictor import load_predictor
    from sceneseek.models.names import lasting_name

    spec = model or known_model(gallery) or DEFAULT_MODEL
    with err.status(f"loading {escape(spec)}"):
        predictor = load_predictor(spec, device=device)
    store = Gallery.open_or_create(
        gallery, lasting_name(spec, predictor.name), predictor.fingerprint, predictor.embedding_dim
    )
    return Finder(predictor, store)


def _server(
    finder: Finder, settings: Settings, certificate: Path | None, key: Path | None, proxy: str | None
) -> Server:
    try:
        from sceneseek.web import create_app
        from sceneseek.web.confinement import means
        from sceneseek.web.serving import Transport, server_of
    except ImportError as error:
        raise ModelError(
            f"the server needs {error.name}, which is not installed. Install it with: pip install 'sceneseek[web]'"
        ) from error
    err.print(f"Processes that decode pictures are {means().words}.", highlight=False, soft_wrap=True)
    app = create_app(finder, settings=settings)
    return server_of(app, settings, Transport(certificate, key, proxy))
