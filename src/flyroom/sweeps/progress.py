"""What a person sees while networks train."""

import collections
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..training import Status
from .pulse import Pulse, duration

PULSE = 2.0  # seconds between two words to those who look on


class Progress:
    """Counts what workers report, and shows it: live on a terminal, now and then elsewhere.

    Args:
        total_steps: model-steps of the whole sweep, if no run stops early.
        runs: number of runs.
        budget: the steps of one of them, if it does not.
        console: where to show it; `None` for nowhere.
        notes: the journal, where it is told to others.
        workers: how many train.
    """

    def __init__(
        self,
        total_steps: int,
        runs: int,
        budget: Callable[[int], int],
        console: Console | None,
        notes: Path,
        workers: int,
    ) -> None:
        self.total, self.runs, self.budget, self.console = total_steps, runs, budget, console
        self.notes, self.workers = notes, workers
        self.steps = 0
        self.began = time.monotonic()
        self.ends: dict[int, tuple[Status, int]] = {}
        self.failures: dict[int, str] = {}
        self.now: dict[int, tuple[int, Mapping[str, Any]]] = {}
        self._lock = threading.Lock()
        self._first: tuple[float, int] | None = None
        self._shown, self._told = 0.0, -PULSE
        self._live: Live | None = None

    # What workers tell; each call is short, for the trainer waits for it.

    def advanced(self, steps: int) -> None:
        with self._lock:
            self.steps += steps
            if self._first is None:  # the rate is counted from when compilation is over
                self._first = (time.monotonic(), self.steps)

    def recorded(self, run: int, step: int, values: Mapping[str, Any]) -> None:
        with self._lock:
            self.now[run] = (step, values)

    def ended(self, run: int, status: Status, step: int, message: str) -> None:
        with self._lock:
            self.ends[run] = (status, step)
            self.total -= max(0, self.budget(run) - step)  # it will not do the rest
            if message:
                self.failures[run] = message

    def resumed(self, age: int) -> None:
        """An earlier session has brought a run to this age."""
        with self._lock:
            self.total -= age

    @property
    def left(self) -> int:
        """Model-steps that are still to be done."""
        return max(0, self.total - self.steps)

    @property
    def rate(self) -> float:
        """Model-steps per second since the first ones were done; 0 while it is too early to say."""
        if self._first is None:
            return 0.0
        seconds = time.monotonic() - self._first[0]
        early = self.left and seconds < 1  # single steps, each of them recorded
        return 0.0 if early or seconds <= 0 else (self.steps - self._first[1]) / seconds

    # What is shown.

    def __enter__(self) -> "Progress":
        if self.console is not None and self.console.is_terminal:
            self._live = Live(
                console=self.console, refresh_per_second=4, get_renderable=self.render
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
        elif self.console is not None and self.steps:
            self.console.print(self.line(), soft_wrap=True)

    def tick(self) -> None:
        """Shows a line where there is no terminal to draw on: at once, then every ten seconds."""
        if time.monotonic() - self._told > PULSE:
            self._told = time.monotonic()
            self.pulse().write(self.notes)
        if self.console is None or self._live is not None or not self.now:
            return
        if time.monotonic() - self._shown > 10:
            self._shown = time.monotonic()
            self.console.print(self.line(), soft_wrap=True)

    def pulse(self) -> Pulse:
        """How it stands, for others."""
        with self._lock:
            statuses = collections.Counter(status.name.lower() for status, _ in self.ends.values())
            running = len(self.now.keys() - self.ends.keys())
        queued = self.runs - running - sum(statuses.values())
        some = {"queued": queued, "running": running, **statuses}
        return Pulse(
            at=time.time(),
            runs=self.runs,
            statuses={name: count for name, count in some.items() if count},
            steps=self.steps,
            left=self.left,
            rate=self.rate,
            workers=self.workers,
            seconds=time.monotonic() - self.began,
        )

    def line(self) -> Text:
        """Runs done, steps a second, time left, and the accuracies of the runs under way."""
        with self._lock:
            done, now = len(self.ends), {r: v for r, v in self.now.items() if r not in self.ends}
            rows = list((now or self.now).values())
        rate = self.rate
        pace = f"{rate:,.0f} steps/s   {duration(self.left / rate)} left" if rate else "starting"
        failed = f" ({len(self.failures)} failed)" if self.failures else ""
        text = f"{done}/{self.runs} runs{failed}   {pace}"
        for side in ("train", "test"):
            values = [float(v[f"{side}_accuracy"]) for _, v in rows if f"{side}_accuracy" in v]
            if values:
                text += f"   {side} accuracy {sum(values) / len(values):.3f}"
        return Text(text)

    def render(self) -> Group:
        """A bar for the sweep and a row for each run in a slot."""
        with self._lock:
            now = sorted((r, *v) for r, v in self.now.items() if r not in self.ends)
        table = Table("run", "step", "train accuracy", "test accuracy", box=None, pad_edge=False)
        for run, step, values in now[:16]:
            bars = [_bar(values.get(f"{side}_accuracy")) for side in ("train", "test")]
            table.add_row(str(run), f"{step:,}", *bars)
        share = min(1.0, self.steps / self.total) if self.total else 1.0
        return Group(self.line(), _meter(share, 60), *([table] if now else []))


def _bar(value: Any) -> Text:
    if value is None:
        return Text("")
    return Text.assemble(_meter(float(value), 16), f" {float(value):.3f}")


def _meter(share: float, width: int) -> Text:
    full = round(share * width)
    return Text.assemble(("━" * full, "cyan"), ("━" * (width - full), "bright_black"))
