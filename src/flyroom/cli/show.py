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

    from .. import spec
    from . import output, sources

    with output.errors(json):
        experiment, over = sources.load(name)
        data = {k: v for k, v in spec.to_dict(experiment).items() if k != "class"}
        if over:
            data["over"] = {path: [spec.to_dict(v) for v in vs] for path, vs in over.items()}
        print(dumps(data) if json else tomli_w.dumps(data).rstrip())
