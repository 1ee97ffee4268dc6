"""Kinds of options that several verbs take."""

from typing import Annotated

from cyclopts import Parameter, validators

Count = Annotated[int | None, Parameter(validator=validators.Number(gte=1))]
Least = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Words = Annotated[list[str] | None, Parameter(consume_multiple=False)]
