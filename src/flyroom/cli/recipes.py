def recipes(*, names: bool = False, json: bool = False) -> None:
    """List the published set-ups that can be trained by name.

    Parameters
    ----------
    names
        One name a line and nothing else.
    json
        Print one line of JSON instead.
    """
    import inspect
    from json import dumps

    from rich.console import Console
    from rich.table import Table

    from . import sources

    lines = {n: str(inspect.getdoc(f)).split("\n")[0] for n, f in sources.all_recipes().items()}
    if json:
        print(dumps(lines))
    elif names:
        print("\n".join(lines))
    else:
        table = Table(box=None, show_header=False)
        for name, line in lines.items():
            table.add_row(name, line)
        Console().print(table)
