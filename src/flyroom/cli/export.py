from pathlib import Path

from .options import Least


def export(
    store: Path,
    page: Path,
    /,
    *,
    run: list[int] | None = None,
    title: str | None = None,
    explained: Least = 24,
    json: bool = False,
) -> None:
    """Write one HTML file in which the runs of a store are looked at and taken apart.

    Parameters
    ----------
    store
        A store, finished or not.
    page
        The file.
    run
        Which run is in it, several times for several; all if not given.
    title
        Its heading; the name of the store if not given.
    explained
        How many networks are explained in it, of all runs together; each takes about a second.
    json
        End with one line of JSON: the page and its size in bytes.
    """
    from json import dumps

    from .. import explorer, results
    from . import output

    with output.errors(json, explorer.PageError):
        runs = results.open(store)
        if run:
            known = runs.run.values.tolist()
            if missing := sorted(set(run) - set(known)):
                raise results.StoreError(
                    f"{store}: got run {missing[0]}; allowed: {known[0]} to {known[-1]}."
                )
            runs = runs.sel(run=run)
        explorer.write_page(runs, page, title=title, explained=explained)
        size = page.stat().st_size
        print(f"page {page}, {size / 1e6:.1f} MB")
        if json:
            print(dumps({"page": str(page), "bytes": size}))
