from pathlib import Path


def merge(*stores: Path, into: Path, json: bool = False) -> None:
    """Put stores together that hold parts of one sweep, trained apart.

    Parameters
    ----------
    stores
        The stores, all of one experiment; they are left as they are.
    into
        Where the new store goes.
    json
        End with one line of JSON: runs, statuses and store.
    """
    from json import dumps

    from .. import sweeps
    from . import output

    with output.errors(json):
        runs = sweeps.merge(stores, into)
        told = {"runs": runs.sizes["run"], "statuses": output.statuses(runs), "store": str(into)}
        counts = ", ".join(f"{n} {name}" for name, n in told["statuses"].items())
        print(f"{told['runs']} runs ({counts}) of {len(stores)} stores, store {into}")
        if json:
            print(dumps(told))
