from pathlib import Path

from rich.table import Table

from .options import Count


def study(
    *names: str,
    all: bool = False,
    quick: bool = False,
    full: bool = False,
    store: Path = Path("runs"),
    report: Path | None = None,
    devices: Count = None,
    json: bool = False,
) -> None:
    """Hold published claims against runs of your own, and report what came of it.

    Runs that are in their stores already are not trained again, and interrupted ones are gone on
    with.

    Parameters
    ----------
    names
        Studies: names of folders in ./studies, such as pair-mod67, or paths of a study.py.
    all
        Every study in ./studies.
    quick
        The size that a laptop does in minutes; this is what is run if nothing is said.
    full
        The size for a GPU or a cluster.
    store
        The folder of the stores.
    report
        The folder in which the two files of each report get a folder of their own, beside one
        report of all if there are several; that of the stores if not given.
    devices
        How many workers the CPU has; one for each core if not given (or FLYROOM_DEVICES).
    json
        End with one line of JSON on standard output.
    """
    from json import dumps

    from rich.console import Console

    from .. import spec, studies, sweeps
    from . import output

    with output.errors(json):
        if quick and full:
            raise spec.SpecError("study: got both --quick and --full; choose one.")
        chosen = [*names, *(map(str, studies.find().values()) if all else ())]
        if not chosen:
            found = ", ".join(studies.find()) or "none"
            raise spec.SpecError(f"study: name one, or say --all. Found in ./studies: {found}.")
        loaded, size = [studies.load(name) for name in chosen], "full" if full else "quick"
        for one in loaded:  # before any of them is trained for hours
            studies.finished(one, size, store)
        told, outcomes = [], []
        for one in loaded:
            machine = sweeps.Machine(devices=devices)
            outcome = studies.run(one, size, store, machine)
            files = studies.write_report(outcome, (report or store) / one.name)
            table = Table("claim", "published", "band", "ours", "runs", "verdict", box=None)
            for row in studies.table(outcome):
                table.add_row(row[0], *row[3:6], row[7], row[8])
            Console().print(table)
            print("\n".join(f"report {path}" for path in files))
            told.append({**outcome.summary(), "reports": [str(path) for path in files]})
            outcomes.append(outcome)
        if len(outcomes) > 1:
            said = studies.load_statements()
            pages = studies.write_replication(outcomes, report or store, said)
            print("\n".join(f"replication report {path}" for path in pages))
        if json:
            print(dumps({"studies": told}))
