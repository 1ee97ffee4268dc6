"""`python -m benchmarks`: both sides in turn, each in a process of its own, and one table.

Every comparison alternates ours and theirs in one go, and reports medians and the ratio of them.
Where a step is mostly matrix products, `share.py` holds it against the machine's rate on them, in
turns of half a second.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from .share import GFLOP

HERE = Path(__file__).parent
PAIR, TORCH = HERE / "reference" / "jax_pair_mod67.py", HERE / "reference" / "torch_mlp.py"


def loop(name: str, steps: int, *flags: str) -> list[str]:
    """The command of a reference loop in PyTorch."""
    return [str(HERE / "reference" / f"torch_{name}.py"), "--steps", str(steps), *flags]


ALONE = ("--evaluate", "never")

# name: our case and precision, their command
COMPARISONS: dict[str, tuple[list[str], list[str]]] = {
    "pair-mod67 float32 vs loop (b) float32": (
        ["pair_mod67", "--dtype", "float32"],
        [str(PAIR), "--dtype", "float32", "--steps", "1000"],
    ),
    "pair-mod67 float32 vs loop (b) float64": (
        ["pair_mod67", "--dtype", "float32"],
        [str(PAIR), "--dtype", "float64", "--steps", "1000"],
    ),
    "pair-mod67 float64 vs loop (b) float64": (
        ["pair_mod67", "--dtype", "float64"],
        [str(PAIR), "--dtype", "float64", "--steps", "1000"],
    ),
    "MLP p=113 hidden 512 vs loop (a) one-hot": (
        ["plain_mlp"],
        [str(TORCH), "--inputs", "one_hot", "--steps", "200"],
    ),
    "transformer mod 113 vs loop (c) without its test pass": (
        ["nanda"],
        loop("nanda", 100, *ALONE),
    ),
    "transformer mod 113 vs loop (c) as written": (["nanda_recorded"], loop("nanda", 50)),
    "two layers mod 97 vs loop (d) without its test pass": (["power"], loop("power", 200, *ALONE)),
    "64 small MLPs vs loop (e) eager": (["ensemble"], loop("ensemble", 300)),
    "64 small MLPs vs loop (e) compiled": (["ensemble"], loop("ensemble", 300, "--compile")),
    "LSTM vs loop (f) without its test pass": (["lstm"], loop("lstm", 300, *ALONE)),
    "quadratic MLP vs its loop without test pass": (["quadratic"], loop("quadratic", 200, *ALONE)),
}


def run(command: list[str]) -> dict[str, Any]:
    """The JSON line that a command ends with; what it complains of is seen."""
    done = subprocess.run(
        [sys.executable, *command], stdout=subprocess.PIPE, text=True, check=True, cwd=HERE.parent
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare(name: str, rounds: int) -> str:
    """One row of the table."""
    ours_command, theirs_command = COMPARISONS[name]
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(run(["-m", "benchmarks.ours", *ours_command]))
        theirs.append(run(theirs_command))
    us, them = (statistics.median(_rate(r) for r in side) for side in (ours, theirs))
    loss = f"{ours[-1]['train_loss']:.2e} / {theirs[-1]['train_loss']:.2e}"
    share = "–"
    if (case := ours_command[0]) in GFLOP:
        share = f"{run(['-m', 'benchmarks.share', case])['share']:.0%}"
    return f"| {name} | {us:,.0f} | {them:,.0f} | {us / them:.1f}x | {share} | {loss} |"


def _rate(result: dict[str, Any]) -> float:
    """Model-steps per second; a loop of one network counts its steps."""
    return result.get("model_steps_per_second", result["steps_per_second"])


def main() -> None:
    """Everything, as Markdown on standard output."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("compare", "ours"), default=None)
    parser.add_argument("--match", default="", help="compare only what has this in its name")
    given = parser.parse_args()
    if given.only != "ours":
        print("| case | ours, model-steps/s | theirs | ratio | of 1,024-squares | losses |")
        print("| --- | ---: | ---: | ---: | ---: | --- |")
        for name in (n for n in COMPARISONS if given.match in n):
            print(compare(name, given.rounds), flush=True)
    if given.only != "compare":
        for case in ("blog_parity", "overheads", "queue"):
            print(f"\n{case}: `{json.dumps(run(['-m', 'benchmarks.ours', case]))}`", flush=True)
        for case in ("store", "planning"):
            print(f"\n{case}: `{json.dumps(run(['-m', f'benchmarks.{case}']))}`", flush=True)
        print(f"\nmachine: `{json.dumps(run([str(HERE / 'machine.py')]))}`", flush=True)


if __name__ == "__main__":
    main()
