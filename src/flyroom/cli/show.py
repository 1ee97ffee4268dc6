from typing import Any

import tomli_w


def show(name: str, /, *, json: bool = False) -> None:
    """Print a recipe, a TOML file or the experiment of a store as TOML.

    Parameters
    ----------
    name
        A recipe such as pair-mod67, a TOML file, or a store.
    json
        Print one line of JSON instead.
    """
    from json import dumps

    from .. import spec, sweeps
    from . import output, sources

    def plain(row: Any) -> Any:
        if isinstance(row, tuple):
            return [plain(value) for value in row]
        return {} if row is ... else spec.to_dict(row)

    with output.errors(json):
        experiment, over = sources.load(name)
        data = {k: v for k, v in spec.to_dict(experiment).items() if k != "class"}
        if over:
            data["over"] = {
                paths if isinstance(paths, str) else ", ".join(paths): [plain(row) for row in rows]
                for paths, rows in sweeps.Space(experiment, over).over.items()
            }
        print(dumps(data) if json else tomli_w.dumps(data).rstrip())
