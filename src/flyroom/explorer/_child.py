import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Literal

from ..results import StoreError, journal_path

State = Literal["absent", "training", "stopping", "unfinished", "elsewhere", "finished"]
INTERRUPTED = 130  # what `flyroom train` ends with then
QUIET = 75.0  # seconds: whoever trains writes at least once in a minute


class Training:
    """The training that a server may start: in a process of its own, and into its own store.

    Args:
        store: the store.
    """

    def __init__(self, store: Path) -> None:
        self.store = store.resolve()
        self.said = ""  # its last line
        self.error = ""  # why the last one ended, if not because it was done or was stopped
        self._process: subprocess.Popen[str] | None = None
        self._stopping = False
        self._ended = 0.0
        self._lock = threading.Lock()

    def start(self, words: list[str]) -> None:
        """`flyroom train` with these words, into the store, which there is not yet.

        Raises:
            StoreError: there is one, or a training under way.
        """
        if self.state(0) != "absent":
            raise StoreError(f"{self.store} exists already. Go on with it, or explore a new store.")
        self._run(["train", *words, "--store", str(self.store)])

    def resume(self, steps: int | None) -> None:
        """`flyroom resume` of the store.

        Raises:
            StoreError: there is none, or a training under way.
        """
        if self.state(0) == "absent":
            raise StoreError(f"{self.store}: there is no store there to go on with.")
        self._run(["resume", str(self.store), *([] if steps is None else ["--steps", str(steps)])])

    def stop(self) -> None:
        """Does what Ctrl-C does: everything is kept, and can be gone on with.

        Raises:
            StoreError: no training was started here.
        """
        with self._lock:
            if not self._alive:
                raise StoreError(
                    f"{self.store}: no training was started here that could be stopped."
                )
            if not self._stopping:
                self._stopping = True
                self._signal(signal.SIGINT)

    def close(self, patience: float = 60.0) -> None:
        """Stops it if it runs, and waits until it has written everything down."""
        with contextlib.suppress(StoreError):
            self.stop()
        process = self._process
        if process is not None:
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                self._signal(signal.SIGKILL)
                process.wait()

    def state(self, changed: float) -> State:
        """What becomes of the store, whose files last changed at that time."""
        if self._alive:
            return "stopping" if self._stopping else "training"
        if journal_path(self.store).exists():
            written = changed > self._ended and time.time() - changed < QUIET
            return "elsewhere" if written else "unfinished"
        return "finished" if self.store.exists() else "absent"

    @property
    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            assert self._process is not None
            self._process.send_signal(number)

    def _run(self, words: list[str]) -> None:
        with self._lock:
            if self._alive:
                raise StoreError(f"{self.store}: a training into it is under way.")
            self.said, self.error, self._stopping = "", "", False
            # A session of its own: Ctrl-C in the server's terminal reaches it once, from us. The
            # same modules as ours, whichever way this process found them.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flyroom", *words],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                    "PYTHONUNBUFFERED": "1",
                },
            )
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        complaint: list[str] = []
        for line in process.stderr:
            sys.stderr.write(line)
            if text := line.strip():
                self.said = text.removeprefix("flyroom: ")
                complaint = [*complaint[-20:], text]
        code = process.wait()
        self._ended = time.time()
        if code not in (0, INTERRUPTED):
            own = [line for line in complaint if line.startswith("flyroom: ")]
            self.error = (own or complaint or [f"It ended with {code}."])[-1].removeprefix(
                "flyroom: "
            )
