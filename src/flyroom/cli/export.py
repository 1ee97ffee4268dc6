from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from .options import Least

Words = Annotated[list[str] | None, Parameter(consume_multiple=False)]


def export(
    store: Path,
    target: Path,
    /,
    *,
    run: Words = None,
    title: str | None = None,
    explained: Least = 24,
    curves: bool = False,
    tensorboard: bool = False,
    wandb: bool = False,
    json: bool = False,
) -> None:
    """Write runs as a page, a table, or what TensorBoard and Weights & Biases read.

    Parameters
    ----------
    store
        A store, finished or not.
    target
        The file: NAME.html is a page in which the runs are looked at and taken apart, NAME.csv and
        NAME.parquet are tables. For the two trackers a folder, new or empty. An address, such as
        s3://lab/NAME.zarr, is where the store is copied to.
    run
        Which run is in it, or which ones (0:10), several times for several; all if not given.
    title
        The heading of the page; the name of the store if not given.
    explained
        How many networks are explained in the page, of all runs together; each takes about a
        second.
    curves
        A row of the table is a run at a step, not a run.
    tensorboard
        Write a folder of TensorBoard's events for each run.
    wandb
        Write an offline run of Weights & Biases for each run.
    json
        End with one line of JSON: what was written, and how large it is.
    """
    from json import dumps

    from .. import explorer, results
    from . import copies, output

    with output.errors(json, explorer.PageError, ImportError):
        runs = copies.chosen(results.open(store), run)
        if curves and (tensorboard or wandb or target.suffix == ".html"):
            raise results.StoreError(
                "--curves is for a table: a file that ends in .csv or .parquet."
            )
        if isinstance(place := results.place(target), str):
            told = copies.published(runs, place, run)
        elif tensorboard or wandb:
            told = copies.tracked(runs, target, tensorboard, wandb)
        elif target.suffix in (".csv", ".parquet"):
            told = copies.table(runs, target, curves)
        elif target.suffix == ".html":
            with copies.whole(target) as part:
                explorer.write_page(runs, part, title=title, explained=explained)
            told = {"page": str(target), "bytes": target.stat().st_size}
        else:
            raise results.StoreError(
                f"{target}: got a file that ends in `{target.suffix}`; allowed: .html, .csv, "
                ".parquet, a folder with --tensorboard or --wandb, and an address such as s3://…"
            )
        print(", ".join(f"{name} {value}" for name, value in told.items()))
        if json:
            print(dumps(told))
