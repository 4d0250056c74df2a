"""One ONNX network: opened when it is first needed, run on as many cores as torch may use."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sceneseek.errors import WeightsError


class OnnxNetwork:
    """A network with one input and one output, run by ONNX Runtime on the CPU.

    The session is created on the first run, so that building a pipeline costs nothing and a pickled copy carries only
    the path.

    Args:
        path: The ONNX file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._session: Any = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path, self._session, self._lock = state["path"], None, threading.Lock()

    @property
    def session(self) -> Any:
        """The ONNX Runtime session.

        Raises:
            WeightsError: The file is missing or not an ONNX network.
        """
        with self._lock:
            if self._session is None:
                self._session = _open(self.path)
            return self._session

    @property
    def input_shape(self) -> tuple[int | None, ...]:
        """The shape of the input; ``None`` where it is free."""
        return tuple(n if isinstance(n, int) else None for n in self.session.get_inputs()[0].shape)

    @property
    def output_shape(self) -> tuple[int | None, ...]:
        """The shape of the output; ``None`` where it is free."""
        return tuple(n if isinstance(n, int) else None for n in self.session.get_outputs()[0].shape)

    def __call__(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network on one batch."""
        session = self.session
        (answer,) = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: batch})
        return np.asarray(answer, dtype=np.float32)


def _open(path: Path) -> Any:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    # torch's count honours OMP_NUM_THREADS and the user's own setting; by itself ONNX Runtime takes every core.
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    # Idle threads sleep instead of spinning: decoding and torch need the cores too.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors share no public base
        raise WeightsError(
            f"{path}: not an ONNX network that ONNX Runtime can open ({str(error).splitlines()[0]})."
        ) from error
