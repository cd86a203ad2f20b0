"""Searching findings: what is found, what is hidden, and how pages follow each other; page and API."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analysis.domain.finding import Sentiment
from analysis.domain.search import FindingFilter
from analysis.handlers.search import Search
from callmine.plans.v1.plans_pb2 import PlanChanged
from core.errors import InvalidInput
from core.ids import WorkspaceId
from integration.analysis.site import browser, program, site
from integration.analysis.world import ACME, MAYA, RIVAL, World, call_document, open_database, question
from local.postgres import ServiceDsns
from testkit.capture import unrecorded

ALL = FindingFilter()


async def told(world: World, *said: str, workspace_id: WorkspaceId = ACME) -> None:
    """A run with a call for each of these sentences, which its one finding quotes."""
    run_id = await world.desk.start(workspace_id, question(), MAYA)
    for number, price in enumerate(said):
        document = call_document(f"call{number}", price)
        await world.deliver(await world.fetched(run_id, f"call{number}", workspace_id, document))
    await world.deliver(world.completed(run_id, len(said), workspace_id=workspace_id))
    await world.work()


async def quotes(world: World, text: str, chosen: FindingFilter = ALL, workspace_id: WorkspaceId = ACME) -> list[str]:
    """The quotes of what is found."""
    found = await Search(world.db).findings(workspace_id, text, chosen)
    return sorted(quote.text for hit in found.hits for quote in hit.quotes)


SAID = {
    "german": "Die Lösung ist uns ehrlich gesagt zu TEUER geworden.",
    "japanese": "正直なところ、価格は予算より高いです。",
    "arabic": "السعر أعلى بكثير من الميزانية التي لدينا",
    "thai": "ราคาสูงกว่างบประมาณของเรามาก",
    "greek": "Η τιμή είναι υψηλότερη από τον προϋπολογισμό μας.",  # noqa: RUF001
    "hindi": "कीमत हमारे बजट से बहुत ज़्यादा है",
    "english": "It's 'way' over our e-mail budget: $64k\\year, O'Brien said so.",
}


async def test_words_of_all_scripts_are_found(world: World) -> None:
    await told(world, *SAID.values())
    asked = {
        "lösung teuer": "german",
        "TEUER": "german",
        "価格": "japanese",
        '"予算より"': "japanese",
        "السعر": "arabic",
        "ราคา": "thai",
        "ΤΙΜΉ": "greek",
        "बजट": "hindi",
        "कीमत हमा": "hindi",
        "budget 64k year": "english",
        "o'brien 64k": "english",
        "'way'": "english",
        "e-mail budg": "english",
        "ｂｕｄｇｅｔ": "english",  # noqa: RUF001
    }
    for text, language in asked.items():
        assert await quotes(world, text) == [SAID[language]], text
    assert await quotes(world, "価算") == []


async def test_all_words_have_to_be_there_and_begin_so(world: World) -> None:
    await told(world, "The price is too high for our budget.", "Our budgets are priced in euro.", "Nothing of it here.")
    assert len(await quotes(world, "euro budget")) == 1
    assert len(await quotes(world, "budg our")) == 2
    assert await quotes(world, "udget") == []
    assert await quotes(world, '"for our"') == ["The price is too high for our budget."]
    assert await quotes(world, '"our for"') == []
    assert await quotes(world, "budget -euro") == ["The price is too high for our budget."]
    assert len(await quotes(world, "euro OR nothing")) == 2
    # The claim and the theme count too.
    assert len(await quotes(world, "customer expensive OR high")) == 3


@pytest.mark.parametrize("text", ["", "   ", "-price", '""', "& | !", "'", "a" * 201, "a b " * 12])
async def test_what_is_no_search_is_told(world: World, text: str) -> None:
    with pytest.raises(InvalidInput):
        await Search(world.db).findings(ACME, text, ALL)


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE runs", "price) | (x", "a:*b", "\\", "!!x", "<-> x", "x & ", "x'':*A", "OR", "%s $1 x"]
)
async def test_the_syntax_of_the_database_is_only_words(world: World, text: str) -> None:
    await told(world, "Honestly, the price is what matters most.")
    try:
        await quotes(world, text)
    except InvalidInput:
        assert not any(letter.isalnum() for letter in text) or text == "OR"


async def test_another_workspace_s_words_are_never_found(world: World) -> None:
    await told(world, "Our canary costs too much, honestly.")
    await told(world, "Their zebrafish canary costs too much, honestly.", workspace_id=RIVAL)
    assert await quotes(world, "canary") == ["Our canary costs too much, honestly."]
    assert await quotes(world, "zebrafish") == []
    assert await quotes(world, "zebrafish", workspace_id=RIVAL) == ["Their zebrafish canary costs too much, honestly."]
    for client_of in (browser, program):
        async with client_of(site(world), ACME) as client:
            for address in (
                "/search?q=zebrafish",
                "/search?q=zebrafish+OR+costs",
                "/api/v1/findings?q=zebrafish+OR+costs",
            ):
                answer = await client.get(address)
                assert answer.status_code == 200
                assert "Their" not in answer.text


async def test_without_a_query_there_is_nothing_to_see(world: World, analysis_database: ServiceDsns) -> None:
    """The row policy holds the words: a statement that forgets to enter them shows nothing, and one's words do not outlive it."""
    await told(world, "Honestly, the price is what matters most.")
    with unrecorded("test_search.py asks without a named statement, like a query that forgets the words"):
        db = await open_database(analysis_database)
    try:
        assert len((await Search(db).findings(ACME, "price", ALL)).hits) == 1
        assert len(await world.rows("SELECT * FROM report_findings")) == 1
        for _ in range(3):
            async with db.workspace(ACME) as tx:
                assert await tx._connection.fetch("SELECT * FROM report_findings") == []
    finally:
        await db.close()


async def test_what_the_plan_hides_is_not_found_and_is_shown_again(world: World) -> None:
    await told(world, "Honestly, the price is what matters most.")
    await world.owner(
        "UPDATE reports SET created_at = created_at - interval '40 days'",
        "UPDATE report_dates SET created_at = created_at - interval '40 days'",
        "UPDATE report_findings SET created_at = created_at - interval '40 days'",
    )
    assert await quotes(world, "price") == []
    await plan(world, 90)
    assert len(await quotes(world, "price")) == 1
    await plan(world, 30)
    assert await quotes(world, "price") == []


async def plan(world: World, days: int) -> None:
    change = PlanChanged(
        plan="starter", report_window_days=days, monthly_calls=250, concurrent_runs=2, models=["openai/small"]
    )
    await world.deliver(world.event(change, "plan"), topic="plans")


async def test_reports_of_the_release_before_are_found_too(world: World) -> None:
    await told(world, "Honestly, the price is what matters most.", "Our budget is what matters, honestly.")
    before = await world.rows("SELECT * FROM report_findings ORDER BY number")
    await world.owner("DELETE FROM report_findings", "UPDATE report_dates SET findings_indexed = false")
    assert len(await quotes(world, "matters")) == 2
    assert await world.rows("SELECT * FROM report_findings ORDER BY number") == before
    assert await world.rows("SELECT * FROM report_dates WHERE NOT findings_indexed") == []


async def test_pages_follow_each_other_while_findings_arrive(world: World) -> None:
    await told(world, *(f"Honestly, price number {number} is too high." for number in range(7)))
    search = Search(world.db)
    seen: list[str] = []
    cursor = ""
    for page in range(4):
        found = await search.findings(ACME, "price", ALL, cursor, 2)
        seen += [hit.quotes[0].text for hit in found.hits]
        cursor = found.next
        if page == 0:
            await told(world, "Honestly, price number 99 is too high.")
    assert len(set(seen)) == len(seen) >= 7
    assert cursor == ""


@pytest.mark.parametrize("cursor", ["x", "!!", "bm9uZQ==", "MjAyNi0wMS0wMXxhfDE=", "é"])
async def test_a_cursor_that_is_none_is_refused(world: World, cursor: str) -> None:
    async with program(site(world), ACME) as client:
        answer = await client.get("/api/v1/findings", params={"q": "price", "cursor": cursor})
        assert answer.status_code == 400
        assert "first page" in answer.json()["detail"]


async def test_filters(world: World) -> None:
    await told(world, "Honestly, the price is what matters most.")
    hit = (await Search(world.db).findings(ACME, "price", ALL)).hits[0]
    day = hit.called_at.date()
    matching = {
        "run_id": hit.run_id,
        "report_id": hit.report_id,
        "theme": "PRICE too high",
        "rep": "maya lindqvist",
        "sentiment": "negative",
        "verdict": "yes",
        "from": day,
        "to": day,
    }
    other = {
        "run_id": hit.report_id,
        "report_id": hit.run_id,
        "theme": "Price",
        "rep": "Maya",
        "sentiment": "positive",
        "verdict": "no",
        "from": day + timedelta(days=1),
        "to": day - timedelta(days=1),
    }
    async with program(site(world), ACME) as client:

        async def found(**params: object) -> int:
            answer = await client.get(
                "/api/v1/findings", params={"q": "price", **{k: str(v) for k, v in params.items()}}
            )
            assert answer.status_code == 200, answer.text
            return len(answer.json()["findings"])

        assert await found(**matching) == 1
        assert await found(**dict.fromkeys(matching, "")) == 1
        for name, value in other.items():
            assert await found(**matching | {name: value}) == 0, name
        assert (await client.get("/api/v1/findings?q=price&sentiment=angry")).status_code == 400
        assert (await client.get("/api/v1/findings?q=price&from=9999-12-31&to=0001-01-01")).status_code == 200
    assert Sentiment(hit.sentiment) is Sentiment.NEGATIVE


async def test_the_api_says_where_the_words_are(world: World) -> None:
    await told(world, "Honestly, the PRICES are what matters most.")
    async with program(site(world), ACME) as client:
        (hit,) = (await client.get("/api/v1/findings?q=price")).json()["findings"]
        (quote,) = hit["quotes"]
        assert [quote["text"][start:end] for start, end in quote["matches"]] == ["PRICES"]
        assert [hit["claim"][start:end] for start, end in hit["matches"]["claim"]] == ["price"]
        assert (quote["speaker"], quote["start_ms"], hit["called_at"][:10]) == ("Tomás Ferreira", 4000, "2026-11-02")
        transcript = await client.get(quote["href"].partition("#")[0], headers={"accept": "text/html"})
        assert (transcript.status_code, f'id="{quote["sentence_id"]}"' in transcript.text) == (200, True)
        report = await client.get(hit["href"].partition("#")[0], headers={"accept": "text/html"})
        assert (report.status_code, f'id="{hit["finding_id"]}"' in report.text) == (200, True)


async def test_what_was_said_is_no_markup(world: World) -> None:
    await told(world, "<script>alert('price')</script> & <b>price</b> \"price\"")
    async with browser(site(world), ACME) as client:
        page = (await client.get("/search", params={"q": "price <script>"})).text
        assert "&lt;b&gt;<mark>price</mark>&lt;/b&gt;" in page
        assert [name in page for name in ("<script>alert", "<b>")] == [False, False]
        assert 'value="price &lt;script&gt;"' in page


async def test_the_page_says_what_is_wrong_or_that_nothing_is_there(world: World) -> None:
    async with browser(site(world), ACME) as client:
        empty = await client.get("/search")
        assert (empty.status_code, "What are you looking for?" in empty.text) == (200, True)
        nothing = await client.get("/search?q=price")
        assert (nothing.status_code, "Nothing was found" in nothing.text) == (200, True)
        wrong = await client.get("/search?q=-price")
        assert (wrong.status_code, "type a word to look for" in wrong.text) == (400, True)
        assert (await client.get("/search?q=price&run_id=none")).status_code == 400
