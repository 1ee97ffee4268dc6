def recipes(*, names: bool = False, json: bool = False) -> None:
    """List the published set-ups that can be trained by name.

    Parameters
    ----------
    names
        One name a line and nothing else.
    json
        Print one line of JSON instead.
    """
    from json import dumps

    from rich.console import Console
    from rich.table import Table

    from ..recipes.names import by_name, first_line

    lines = {name: first_line(make) for name, make in by_name().items()}
    if json:
        print(dumps(lines))
    elif names:
        print("\n".join(lines))
    else:
        table = Table(box=None, show_header=False)
        for name, line in lines.items():
            table.add_row(name, line)
        Console().print(table)
