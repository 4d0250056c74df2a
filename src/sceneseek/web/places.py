"""Names of files as callers see them: below the media roots, and whole only for those who may index."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from sceneseek.web.refusals import Refusal
from sceneseek.web.settings import Role
from sceneseek.words import is_address, printable, without_password, without_passwords


class Places:
    """Translates between files on the disk and the names that callers see and say.

    Args:
        roots: The media roots.
        gallery: The gallery's folder.
    """

    def __init__(self, roots: Sequence[Path], gallery: Path) -> None:
        self._roots = {_free_name(root, roots[:i]): root for i, root in enumerate(roots)}
        self._gallery = gallery

    @property
    def root_names(self) -> list[str]:
        """What the media roots are called."""
        return list(self._roots)

    @property
    def first_root(self) -> Path | None:
        """The one that receives uploads."""
        return next(iter(self._roots.values()), None)

    def shown(self, source: str, role: Role) -> str:
        """A source as a caller may see it: whole for operators; for viewers below its media root, else its name.

        Letters that would act, hide or mislead are shown by their numbers.
        """
        return printable(self._shown(source, role))

    def _shown(self, source: str, role: Role) -> str:
        if role.may(Role.OPERATOR) or is_address(source):
            return without_password(source)
        path = PurePath(source)
        for name, root in self._roots.items():
            if path.is_relative_to(root):
                return str(PurePath(name, path.relative_to(root)))
        return path.name

    def filtered(self, asked: Sequence[str], role: Role, known: Iterable[str]) -> tuple[str, ...]:
        """The files and folders that a caller's filter means, in the words of the answers that this caller sees.

        Args:
            asked: Sources as ``shown`` names them, or folders below a media root.
            role: The caller's role.
            known: All sources of the gallery.

        Raises:
            Refusal: (422) A viewer names a place on the disk: what lies where is not for them to find out.
        """
        if not role.may(Role.OPERATOR):
            for source in asked:
                if PurePath(source).is_absolute():
                    told = "Files are named here as answers show them."
                    raise Refusal(422, told, found=source[:80], expected="the source of a match, as it was shown")
        wanted = set(asked)
        return (*map(self.asked, asked), *(source for source in known if self.shown(source, role) in wanted))

    def asked(self, source: str) -> str:
        """The file or folder that a name stands for: below a media root, or as it is."""
        path = PurePath(source)
        if not path.is_absolute() and path.parts and path.parts[0] in self._roots:
            return str(self._roots[path.parts[0]].joinpath(*path.parts[1:]))
        return source

    def to_index(self, asked: str) -> Path:
        """A file or folder that may be indexed.

        Args:
            asked: A root's name and the path below it, or an absolute path below a root.

        Raises:
            Refusal: (403) It does not lie below a media root, links followed; (404) it is not there.
        """
        if not self._roots:
            raise Refusal(403, "This server has no media roots; start it with --media-root FOLDER to index here.")
        missing = Refusal(404, "There is no such file or folder below the media roots.", found=asked[:200])
        meant = Path(self.asked(asked))
        try:
            path = meant.resolve()
        except (OSError, ValueError, RuntimeError):  # a loop of links, a name that is no name
            raise missing from None
        if not meant.is_absolute() or not any(path.is_relative_to(root) for root in self._roots.values()):
            raise Refusal(
                403,
                "Only what lies below a media root may be indexed here.",
                found=asked[:200],
                expected=f"a path that starts with one of: {', '.join(self._roots)}",
            )
        if not path.exists():
            raise missing
        return path

    def scrub(self, text: str) -> str:
        """A text of ours without the places of folders on this machine."""
        for name, root in self._roots.items():
            text = text.replace(str(root), name)
        return printable(without_passwords(text.replace(str(self._gallery), self._gallery.name)))


def _free_name(root: Path, others: Sequence[Path]) -> str:
    """The folder's own name, with a number where another root has the same."""
    same = sum(other.name == root.name for other in others)
    name = root.name or "root"
    return f"{name}-{same + 1}" if same else name
