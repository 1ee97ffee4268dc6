import dataclasses
from collections.abc import Callable, Mapping

from matplotlib.figure import Figure, SubFigure

from ..spec import SpecError
from ..sweeps import Over
from ..training import Experiment
from .claim import Band, Claim, Data, Judge

Draw = Callable[[Data], Figure | SubFigure]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """Runs that a study needs: an experiment, and what it is trained over."""

    experiment: Experiment
    over: Over


@dataclasses.dataclass(frozen=True)
class Study:
    """A question with published answers, the runs that can answer it, and how they are judged.

    Args:
        name: also the beginning of its stores' names.
        question: what is asked, in a sentence.
        source: who published the answers.
        sweeps: for each size, such as `"quick"` and `"full"`, what is trained, by label.

    Attributes:
        claims: filled by the decorator `claim`.
        pictures: filled by the decorator `picture`.

    Example:
        >>> import flyroom as fr
        >>> from flyroom.studies import Study, Sweep, median
        >>> sweep = Sweep(fr.recipes.blog_parity(), {"seed": range(5)})
        >>> study = Study("grokking", "Does it grok?", "Power 2022", {"quick": {"seeds": sweep}})
        >>> @study.claim("late", "step of generalisation", "2,000", "Figure 1", band=(1e3, 4e3))
        ... def late(data):
        ...     return median(fr.measures.generalization_step(data["seeds"]))
        >>> [claim.id for claim in study.claims]
        ['late']
    """

    name: str
    question: str
    source: str
    sweeps: Mapping[str, Mapping[str, Sweep]]
    claims: list[Claim] = dataclasses.field(default_factory=list, init=False)
    pictures: list[tuple[str, Draw]] = dataclasses.field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise SpecError(f"Study.name: got {self.name!r}; allowed: letters, digits and _.")
        empty = [size for size, sweeps in self.sweeps.items() if not sweeps]
        if not self.sweeps or empty:
            raise SpecError(f"Study.sweeps: {self.name} has nothing to train at size {empty}.")

    def claim(
        self,
        id: str,
        statement: str,
        published: str,
        source: str,
        *,
        band: Band | Mapping[int, Band],
        needs: int = 1,
        units: str = "1",
        at: str | None = None,
    ) -> Callable[[Judge], Judge]:
        """Adds the claim that the decorated function judges.

        Args:
            id: a short name for it.
            statement: what is claimed, of which number.
            published: the published value, in words.
            source: where it was published.
            band: the values that reproduce it, both ends included, as they were fixed before
                anything was run; if they depend on the number of runs, by the number from which on
                they are meant.
            needs: with fewer runs than this there is no verdict.
            units: of the number.
            at: the only size at which it can be judged; at others the report says that it was not
                run.

        Raises:
            SpecError: the study has a claim of that name, or the band is empty.
        """
        if id in [claim.id for claim in self.claims]:
            raise SpecError(f"{self.name}: there are two claims named `{id}`.")
        if at is not None:
            self.at(at)
        bands = dict(band) if isinstance(band, Mapping) else {needs: band}
        for low, high in bands.values():
            if not low <= high:
                raise SpecError(f"{self.name}, claim {id}: nothing is between {low} and {high}.")

        def add(judge: Judge) -> Judge:
            claim = Claim(id, statement, published, source, bands, needs, units, judge, at)
            self.claims.append(claim)
            return judge

        return add

    def picture(self, caption: str) -> Callable[[Draw], Draw]:
        """Adds the picture that the decorated function draws from the study's datasets."""

        def add(draw: Draw) -> Draw:
            self.pictures.append((caption, draw))
            return draw

        return add

    def at(self, size: str) -> Mapping[str, Sweep]:
        """What is trained at one size.

        Raises:
            SpecError: there is no such size.
        """
        if size not in self.sweeps:
            raise SpecError(f"{self.name}: got size {size!r}; allowed: {', '.join(self.sweeps)}.")
        return self.sweeps[size]
