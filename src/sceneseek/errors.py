"""Every error that sceneseek raises on purpose, in one tree.

Catch ``SceneseekError`` to catch them all::

    SceneseekError
    ├── ValueRefused              a value given to a function or a structure is wrong (also a ValueError)
    │   ├── BoxError              a box array has the wrong shape, order or numbers
    │   └── EmbeddingSizeError    two sets of embeddings do not come from the same model
    ├── MediaError                a picture or a video cannot be used
    │   ├── PictureError          ... unreadable, truncated, too large, not a picture
    │   ├── VideoError            ... no video stream, cut, undecodable
    │   ├── ArchiveError          ... in an archive that is damaged, hostile or too large
    │   └── StreamError           ... from an address that does not answer
    ├── TextFileError             a text file is not UTF-8, not JSON or not TOML (also a ValueError)
    ├── DataError                 annotations that contradict themselves or their pictures
    ├── RecipeError               a recipe with an unknown key, a wrong value or a missing file
    ├── ModelError                a model or its weights cannot be used
    │   ├── UnknownModelError     no builder or weights of that name
    │   └── WeightsError          weights that do not fit, are damaged or are not plain tensors
    ├── CheckpointError           a checkpoint of another recipe or architecture, or a damaged one
    ├── TrainingError             training cannot go on
    │   └── NonFiniteLossError    a loss term became NaN or infinite
    ├── ExtractionError           an extraction file that is damaged or belongs to other data
    └── GalleryError              a gallery cannot be used
        ├── GalleryModelError     the gallery was made by another model
        ├── GalleryMissingError   there is no gallery at that path
        ├── GalleryBusyError      somebody else is writing into the gallery
        ├── GalleryArchiveError   a gallery archive is damaged, foreign or hostile
        └── NotInGalleryError     the gallery holds nothing of that name

Each message says what was found, what was expected and what to do. The command line prints it on one line and exits
with code 2; a traceback is shown only for errors that are not in this tree, because those are ours to mend.
"""

from __future__ import annotations


class SceneseekError(Exception):
    """Base of every error raised on purpose."""


class ValueRefused(SceneseekError, ValueError):
    """A value given to a function or a structure is wrong."""


class BoxError(ValueRefused):
    """A box array has the wrong shape, order or numbers."""


class EmbeddingSizeError(ValueRefused):
    """Two sets of embeddings do not have the same number of dimensions."""


class MediaError(SceneseekError):
    """A picture or a video cannot be used."""


class PictureError(MediaError):
    """A picture is unreadable, truncated, too large, or not a picture."""


class VideoError(MediaError):
    """A video has no picture stream, is cut, or cannot be decoded."""


class ArchiveError(MediaError):
    """An archive is damaged, encrypted, hostile, or holds more than is read."""


class StreamError(MediaError):
    """A live source does not answer, or sends no pictures."""


class TextFileError(SceneseekError, ValueError):
    """A text file is not UTF-8 text, not JSON or not TOML; the message is half a sentence that names no file."""


class DataError(SceneseekError):
    """Annotations contradict themselves or their pictures."""


class RecipeError(SceneseekError):
    """A recipe has an unknown key, a wrong value, or names a missing file."""


class ModelError(SceneseekError):
    """A model or its weights cannot be used."""


class UnknownModelError(ModelError):
    """No builder or weights are known by that name."""


class WeightsError(ModelError):
    """Weights do not fit the network, are damaged, or are not plain tensors."""


class CheckpointError(SceneseekError):
    """A checkpoint belongs to another recipe or architecture, or is damaged."""


class TrainingError(SceneseekError):
    """Training cannot go on."""


class NonFiniteLossError(TrainingError):
    """A loss term became NaN or infinite."""


class ExtractionError(SceneseekError):
    """An extraction file is damaged or belongs to other data."""


class GalleryError(SceneseekError):
    """A gallery cannot be used."""


class GalleryModelError(GalleryError):
    """The gallery was made by another model."""


class GalleryMissingError(GalleryError):
    """There is no gallery at that path."""


class GalleryBusyError(GalleryError):
    """Somebody else is writing into the gallery."""


class GalleryArchiveError(GalleryError):
    """A gallery archive is damaged, foreign or hostile."""


class NotInGalleryError(GalleryError):
    """The gallery holds nothing of that name; it may have been forgotten."""


def suggest(word: str, known: list[str] | tuple[str, ...]) -> str:
    """Name the nearest known words, as the end of an error message.

    Args:
        word: What the user wrote.
        known: What would have been accepted.

    Returns:
        ``" Did you mean 'a'?"`` when something is near, else ``" Known: a, b, c."``, or nothing when nothing is known.

    Example:
        >>> suggest("momentun", ["momentum", "weight_decay"])
        " Did you mean 'momentum'?"
    """
    import difflib

    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if near:
        return f" Did you mean {' or '.join(repr(n) for n in near)}?"
    if known:
        return f" Known: {', '.join(sorted(known))}."
    return ""
