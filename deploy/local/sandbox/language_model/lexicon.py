"""What sales calls are about: a hand-written lexicon of themes.

A theme is found in a sentence by its words: a ``telling`` word is enough by itself, of the ``supporting`` ones it takes two.
A brief asks for a theme by one of its ``asked_by`` words or a telling one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from local.sandbox.language_model.words import stem

TELLING = 2
SUPPORTING = 1
ENOUGH = 2
"""The strength from which a sentence counts as evidence of a theme."""


@dataclass(frozen=True, slots=True)
class Theme:
    """A subject with its label for the report, a noun phrase for claims, and its words as stems."""

    label: str
    subject: str
    telling: frozenset[str]
    supporting: frozenset[str] = field(default=frozenset())
    asked_by: frozenset[str] = field(default=frozenset())

    def strength(self, stems: frozenset[str]) -> int:
        """How strongly a sentence with these stems belongs to the theme; from :data:`ENOUGH` it does."""
        return TELLING * len(self.telling & stems) + SUPPORTING * len(self.supporting & stems)

    def is_asked_by(self, stems: frozenset[str]) -> bool:
        """Whether a brief with these stems asks for the theme."""
        return bool((self.telling | self.asked_by) & stems)


def _stems(words: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words.split())


def _theme(label: str, subject: str, telling: str, supporting: str = "", asked_by: str = "") -> Theme:
    return Theme(label, subject, _stems(telling), _stems(supporting), _stems(asked_by))


THEMES: tuple[Theme, ...] = (
    _theme(
        "Pricing pressure",
        "the price",
        "price prices pricing priced expensive pricey discount discounts cheaper budget budgets cost costs costly cheap",
        "per seat seats quote number euros dollars thousand list fee fees spend afford money tier tiers package",
        "commercial rates money fee",
    ),
    _theme(
        "Competitor comparison",
        "a competing offer",
        "competitor competitors competitive competition competing rfp tender incumbent alternative alternatives rival rivals shortlist "
        "shortlisted",
        "vendor vendors compare compared comparison comparing against versus switch switching other evaluating demo "
        "supplier looked quoted proposal else bid bids they're their cheaper",
        "compete versus vendor vendors comparison compare",
    ),
    _theme(
        "Objections and doubts",
        "doubts about the purchase",
        "concern concerns concerned worry worries worried hesitant hesitation sceptical skeptical doubt doubts objection "
        "objections misgiving misgivings unconvinced nervous pushback",
        "risk risky burned problem problems afraid honest honestly convinced struggle difficult hard frankly "
        "stuck trust tried nobody ever last scared painful fail failed never expensive lose lost sure slow wrong",
        "obstacle obstacles blocker blockers barrier barriers risk risks resistance stall",
    ),
    _theme(
        "Integration effort",
        "the integration with other systems",
        "integration integrations integrate integrates integrated api apis connector connectors erp crm middleware webhook "
        "webhooks sap netsuite salesforce hubspot migrate migration",
        "sync data system systems export import connect field mapping warehouse plug technical",
        "technical connect systems",
    ),
    _theme(
        "Security and compliance",
        "security and compliance",
        "security secure soc gdpr iso encryption encrypted sso compliance compliant penetration pentest dpa residency privacy "
        "breach auditor auditors",
        "audit access data legal questionnaire policy policies retention permissions region review infosec",
        "privacy legal data protection",
    ),
    _theme(
        "Timing and urgency",
        "the timing",
        "deadline deadlines timeline timelines urgent urgency asap",
        "quarter month months week weeks january february march april june july august september october november december "
        "year soon delay delayed before live date summer autumn spring fiscal",
        "timing when urgency delay delays schedule fast",
    ),
    _theme(
        "Next steps",
        "the next steps",
        "followup recap agenda invite calendar reconvene",
        "next step steps send schedule week tomorrow meeting call thursday tuesday monday wednesday friday proposal email "
        "follow share draft back book",
        "next steps follow action actions agreed commitment commitments",
    ),
    _theme(
        "Onboarding and rollout",
        "onboarding and rollout",
        "onboarding onboard rollout training trained implementation implement adoption adopt deployment deploy",
        "train users user live team teams phase roll champion change site sites admin",
        "adoption rollout implementation training change",
    ),
    _theme(
        "Support quality",
        "the support",
        "support helpdesk ticket tickets sla escalate escalation escalated",
        "response respond answer hours help phone chat agent wait outage waiting reply",
        "service support help",
    ),
    _theme(
        "Contract terms",
        "the contract terms",
        "contract contracts clause clauses renewal renew liability indemnity procurement termination notice redline redlines "
        "msa",
        "terms legal sign signed signature annual paper lawyer commit agreement multiyear",
        "terms legal renewal procurement signature",
    ),
    _theme(
        "Decision process",
        "how the decision is made",
        "decision decisions decide decides approval approve approves approved stakeholder stakeholders committee signoff cfo "
        "ceo cio coo board",
        "sign director finance procurement boss convince final team process sponsor",
        "decide buyer authority champion sponsor process won lost win lose",
    ),
    _theme(
        "Value and return",
        "the value",
        "roi payback savings saving saved benefit benefits productivity efficiency efficient worthwhile",
        "save value return hours percent reduce reduced faster time improve improvement business case worth",
        "value return benefits outcome outcomes results why",
    ),
    _theme(
        "Product gaps",
        "what the product lacks",
        "missing lacks lacking roadmap limitation limitations workaround workarounds gap gaps unsupported",
        "feature features need cannot can't doesn't build request functionality capability support custom",
        "gap gaps feature features product missing functionality wish wishes request requests",
    ),
    _theme(
        "Current process",
        "the way they work today",
        "spreadsheet spreadsheets excel manually manual homegrown legacy",
        "today currently process copy paste team hours every week old tool tools existing workflow",
        "today current process pain pains problem problems challenge challenges need needs",
    ),
    _theme(
        "Churn risk",
        "leaving",
        "cancel cancelled cancelling churn churned unhappy disappointed frustrated frustrating frustration",
        "leave leaving stop switch worse complaint complaints quit renewal",
        "churn leave leaving unhappy retention satisfaction dissatisfied",
    ),
    _theme(
        "Trial and proof",
        "a trial",
        "pilot pilots trial trials poc proof sandbox reference references",
        "test try customers example case concept criteria success weeks",
        "trial pilot proof evidence reference",
    ),
    _theme(
        "Performance and reliability",
        "performance and reliability",
        "uptime downtime latency outage outages reliability reliable crash crashed crashes scalability bug bugs",
        "slow slower speed load scale scales peak fail fails failed broken accuracy",
        "performance reliability quality stability",
    ),
    _theme(
        "People and capacity",
        "people and capacity",
        "headcount hiring hire hired understaffed turnover bandwidth",
        "team people staff resource resources capacity engineers busy short resourcing",
        "capacity people staff resources",
    ),
    _theme(
        "Growth and market",
        "the market",
        "revenue revenues growth margin margins market markets demand ebitda guidance profitability profit",
        "customers quarter percent increase decline million billion expand segment share sales year",
        "growth market markets revenue demand strategy outlook",
    ),
    _theme(
        "Design and usability",
        "the design",
        "design designs usability intuitive ergonomic interface button buttons ugly",
        "look simple easy feel shape colour color screen use material fashion clean",
        "design usability interface ease",
    ),
    _theme(
        "Returns and refunds",
        "returns and refunds",
        "refund refunds refunded return returns returning exchange replacement",
        "order purchase item size shipping delivery receipt account bought",
        "refund refunds return returns delivery orders",
    ),
)

BRIEF_FILLER = _stems(
    """call calls customer customers client clients buyer buyers prospect prospects conversation conversations transcript
        discuss discussed discussion mention mentions mentioned talk talks talked raise raises raised come comes people sales
        tell find list summarise summarize summary describe identify show main common often kind kinds reason reasons question
        questions ask asks asked answer answers seller sellers rep reps team company companies deal deals report analyse analyze
        look want wants hear heard give brief please everything anything something particular especially whether how why topic
        topics issue issues signal signals pattern patterns theme themes key important during across ever any explain"""
)
"""Words of a brief that say how to report rather than what to look for."""

CUSTOMER_WORDS = _stems("customer customers client clients buyer buyers prospect prospects they")
SELLER_WORDS = _stems("rep reps seller sellers our we salesperson salespeople")

POSITIVE = _stems(
    """good great love loved happy impressed excellent helpful useful easy easier clean perfect strong fast faster
        better best excited glad valuable saves saved win confident comfortable reasonable fair smooth solid nice wonderful
        promising improve improved success successful growth"""
)
NEGATIVE = _stems(
    """expensive concern concerned concerns worry worried risk risky problem problems issue issues difficult hard slow slower
        painful pain frustrating frustrated unhappy disappointed bad worse worst fail failed broken missing lacks steep pricey
        complicated confusing delay delayed delays stuck struggle doubt doubts sceptical skeptical nervous lost lose burned
        blocker unfortunately tight cut cancel complaint complaints decline"""
)
_NEGATOR_LIST = (
    "not no never hardly isn't aren't wasn't don't doesn't didn't can't cannot won't wouldn't without nothing"
)
NEGATORS = frozenset(_NEGATOR_LIST.split())
