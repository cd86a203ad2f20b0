"""The rules as they are written: `erasure.yaml` beside the migrations of each service, and of messaging for what every service has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from testkit.postgres import migration_folders

FILE = "erasure.yaml"

R = TypeVar("R", bound=BaseModel)

End = Literal["deleted", "emptied", "kept", "nobodys"]
"""Of a table: its rows of the workspace are deleted; they stay without what tells of anybody; they stay, for they tell of nobody; it
holds nothing of any workspace."""


class WrongRules(Exception):
    """A file of rules cannot be read as such."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Table(_Strict):
    """`because` is needed where rows stay. Each column but `workspace_id` stands in one of the four lists.

    content: what customers and those they speak with said, wrote or named, or what was made of it.
    people: what tells of a person.
    secrets: credentials and keys, sealed or hashed as well.
    plain: ids, states, counts, times, names that the program gives.
    """

    end: End
    because: str = ""
    content: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()

    @property
    def telling(self) -> tuple[str, ...]:
        """The columns that must not outlive an erasure."""
        return (*self.content, *self.people, *self.secrets)

    @property
    def columns(self) -> tuple[str, ...]:
        """All that are told of."""
        return (*self.telling, *self.plain)


class Topic(_Strict):
    """How many days a message is kept at most, and what of a workspace stands in it."""

    days: int
    carries: str


class Provider(_Strict):
    """What lies with somebody else, and what becomes of it."""

    lies: str
    end: str


class ReportScope(_Strict):
    """Where one report is erased. `erased`: the tables whose rows go, in that order, and the column that says which; `stays`: why the rows
    of all others do not."""

    erased: Mapping[str, Literal["run_id", "report_id", "id"]]
    stays: Mapping[str, str]


By = Literal["user", "call", "address"]
"""What a person's rows are found by: the id of a user, a call that they took part in, or their address."""


class PersonScope(_Strict):
    """Where the data of one person is erased. `erased`: tables whose rows go, and what they are found by; `emptied`: columns of rows that
    stay, which are set to what stands for nobody; `stays`: why tables, or columns written as `table.column`, keep what they have of people.
    """

    erased: Mapping[str, tuple[By, ...]] = {}
    emptied: Mapping[str, tuple[str, ...]] = {}
    stays: Mapping[str, str] = {}

    def beside(self, other: PersonScope) -> PersonScope:
        """Both together. Raises WrongRules where a table has a rule in both."""
        if twice := self.names & other.names:
            raise WrongRules(f"{sorted(twice)} have a rule for a person's data twice, here and in messaging")
        return PersonScope(
            erased={**self.erased, **other.erased},
            emptied={**self.emptied, **other.emptied},
            stays={**self.stays, **other.stays},
        )

    @property
    def names(self) -> frozenset[str]:
        """The tables that have a rule."""
        return frozenset({*self.erased, *self.emptied, *(name.partition(".")[0] for name in self.stays)})


class Rules(_Strict):
    """One service's: tables in the order in which they are emptied, and the folders of objects that it writes; in analysis also what
    becomes of each table where one report is erased; and what becomes of what tells of a person where their data is."""

    tables: Mapping[str, Table]
    objects: Mapping[str, str] = {}
    report: ReportScope | None = None
    person: PersonScope = PersonScope()


class Shared(_Strict):
    """What every service has."""

    tables: Mapping[str, Table]
    topics: Mapping[str, Topic]
    providers: Mapping[str, Provider]
    files: Mapping[str, str]
    person: PersonScope = PersonScope()


def shared_rules() -> Shared:
    """The rules of messaging. Raises WrongRules."""
    return read_rules((migration_folders("audit")[0] / FILE).read_text(), Shared)


def rules_of(service: str) -> Rules:
    """The rules of a service: its own tables first, then those that every service has. Raises WrongRules."""
    _, own = migration_folders(service)
    rules, shared = read_rules((own / FILE).read_text(), Rules), shared_rules()
    if twice := rules.tables.keys() & shared.tables.keys():
        raise WrongRules(f"{own / FILE}: {sorted(twice)} have a rule in {FILE} of messaging already")
    together = {"tables": {**rules.tables, **shared.tables}, "person": rules.person.beside(shared.person)}
    return rules.model_copy(update=together)


def read_rules(text: str, kind: type[R]) -> R:
    """The rules in `text`. Raises WrongRules, also where a name stands twice, of which YAML would take the last without a word."""
    try:
        _refuse_doubles(yaml.compose(text, yaml.SafeLoader))
        return kind.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise WrongRules(str(error)) from error


def _refuse_doubles(node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        names = Counter(key.value for key, _ in node.value)
        if twice := sorted(str(name) for name, count in names.items() if count > 1):
            raise WrongRules(f"line {node.start_mark.line + 1}: {twice} stand there twice")
        for _, value in node.value:
            _refuse_doubles(value)
