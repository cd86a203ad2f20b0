"""What the parts of the checker share while they walk one statement, and what they do with relations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from database.checker.catalog import SYSTEM_SCHEMAS, TEXT, WORKSPACE, Catalog, Relation
from database.checker.names import Field, Fields, Item, Named, Names, renamed
from database.checker.nodes import Syntax, strings
from database.checker.problems import Finding, Findings, Kind, Unresolved
from database.checker.ties import Node, Ties

# What other sessions do, what the tables' values are distributed like, and secrets: not even for a statement that crosses workspaces.
_HIDDEN_NAMES = """
pg_authid pg_backend_memory_contexts pg_cursors pg_file_settings pg_hba_file_rules pg_ident_file_mappings
pg_largeobject pg_largeobject_metadata pg_prepared_statements pg_prepared_xacts pg_shadow pg_statistic
pg_statistic_ext_data pg_stats pg_stats_ext pg_stats_ext_exprs pg_subscription pg_user_mapping pg_user_mappings
"""
_HIDDEN = frozenset(_HIDDEN_NAMES.split())


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that has to be tied once the whole statement has been read; no node is never tied."""

    node: Node | None
    finding: Finding


@dataclass(slots=True)
class Walk:
    """One walk through one statement.

    `scope` is the number of the scope's parameter, `crossing` that the statement declares to cross workspaces, `entering` that it enters a
    scope. `query` checks a statement inside another and answers with its columns.
    """

    catalog: Catalog
    scope: int | None
    crossing: bool
    entering: bool
    query: Callable[[Walk, Syntax, Names], Fields]
    workspace_of_view: Callable[[Catalog, Relation], tuple[str | None, Sequence[Finding]]]
    ties: Ties = field(default_factory=Ties)
    findings: Findings = field(default_factory=Findings)
    claims: list[Claim] = field(default_factory=list)
    # How many mentions of a relation in the syntax tree have been understood.
    understood: int = 0

    def problem(self, kind: Kind, relation: str, missing: str) -> None:
        """Notes what is wrong whatever the ties are."""
        self.findings.add(kind, relation, missing)

    def claim(self, node: Node | None, kind: Kind, relation: str, missing: str) -> None:
        """Demands that `node` is tied; a statement that crosses workspaces need not."""
        if not self.crossing:
            self.claims.append(Claim(node, Finding(kind, relation, missing)))

    def results(self) -> Iterator[Finding]:
        """All findings, the claims that are not met included."""
        yield from self.findings
        tied = self.ties.tied()
        yield from dict.fromkeys(claim.finding for claim in self.claims if claim.node not in tied)

    def resolve(self, names: Names, parts: Sequence[str]) -> Field:
        """What a column's name means; a name that means nothing is noted."""
        try:
            return names.column(parts)
        except Unresolved as error:
            self.problem(Kind.UNRESOLVED, ".".join(parts), str(error))
            return Field(parts[-1])

    def renamed(self, alias: Syntax, fields: Fields) -> Fields:
        """The columns under the names that an alias gives them."""
        try:
            return renamed(fields, strings(alias.colnames if alias else ()))
        except Unresolved as error:
            self.problem(Kind.UNRESOLVED, alias.aliasname, str(error))
            return fields

    def relation(self, mention: Syntax) -> Relation | None:
        """The relation of the catalog that is mentioned; one that is not there, or must not be read, is noted."""
        self.understood += 1
        name = f"{mention.schemaname}.{mention.relname}" if mention.schemaname else mention.relname
        found = None if mention.catalogname else self.catalog.relation(mention.schemaname, mention.relname)
        if found is None:
            self.problem(Kind.UNRESOLVED, name, "the catalog has no such relation")
        elif found.schema in SYSTEM_SCHEMAS and (not self.crossing or _is_hidden(found.name)):
            self.problem(Kind.NOT_ALLOWED, name, "a system relation shows what belongs to other workspaces")
        return found

    def entry(self, mention: Syntax, relation: Relation | None) -> Item:
        """The FROM entry of a relation, its rows not claimed to be tied. An unknown one has unknown columns."""
        alias = mention.alias
        start = self.ties.mark
        columns = relation.columns if relation else ()
        fields = self.renamed(
            alias, tuple(Field(one.name, self.ties.node() if one.type == TEXT else None) for one in columns)
        )
        named = Named(
            alias.aliasname if alias else mention.relname,
            fields,
            schema=relation.schema if relation and not alias else None,
            open=relation is None,
            stored=True,
        )
        return Item((named,), fields, (start, self.ties.mark))

    def workspace(self, relation: Relation | None, item: Item) -> Node | None:
        """The node of the relation's workspace column, whatever an alias calls it; None when it has none that can be tied."""
        name = self.workspace_column(relation)
        if relation is None or name is None:
            return None
        places = [place for place, column in enumerate(relation.columns) if column.name == name]
        return item.fields[places[0]].node if places else None

    def workspace_column(self, relation: Relation | None) -> str | None:
        """The column that says whose a row is; None for a relation that belongs to no workspace, or does not say."""
        if relation is None:
            return None
        if relation.definition is not None:
            column, findings = self.workspace_of_view(self.catalog, relation)
            for finding in findings:
                self.findings.add(finding.kind, finding.relation, finding.missing)
            return column
        return WORKSPACE if relation.is_tenant_table else None

    def claim_rows(self, relation: Relation | None, item: Item) -> None:
        """Demands that the rows of a relation are of one workspace, if they are of any."""
        if relation is not None and self.workspace_column(relation) is not None:
            alias = item.relations[0].name
            self.claim(
                self.workspace(relation, item),
                Kind.UNTIED,
                relation.name,
                "it is not tied to the scope"
                if alias == relation.name
                else f"its alias {alias} is not tied to the scope",
            )


def _is_hidden(name: str) -> bool:
    return name in _HIDDEN or name.startswith(("pg_stat_", "pg_statio_", "pg_replication_", "pg_aios"))
