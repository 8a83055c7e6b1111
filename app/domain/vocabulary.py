"""The words that a report may use, and what follows from them: ceilings, half-lives, what counts as risk.

The rule here: a word is added here or nowhere; what a method can support at most (its ceiling) is decided here, never
by the submitter.
"""

from app.domain.errors import AboveCeiling, Refused

CATEGORIES: dict[str, tuple[str, ...]] = {
    "sex_trafficking": ("escort_ad_payment", "prostitution_network", "international_escort", "minor_sex_trafficking"),
    "labour_trafficking": (
        "forced_labour",
        "recruitment_fee",
        "domestic_servitude",
        "scam_compound_forced_criminality",
        "placement_agent",
    ),
    "csam": ("vendor", "subscription", "livestreamed_abuse", "sextortion_of_minors"),
    "organ_trafficking": (),
    "migrant_smuggling": (),
    "recruitment": (),
    "facilitation": ("ad_platform", "guarantee_marketplace", "hosting", "money_mule", "front_company"),
    "laundering": ("funnel_account", "mixing", "chain_hopping", "otc_broker"),
    "cash_out": ("exchange_deposit", "p2p", "crypto_atm", "prepaid_card", "casino"),
    "victim_controlled": (),
    "survivor_restitution": (),
    "ngo_donation": (),
    "undercover_law_enforcement": (),
    "service_infrastructure": (),
}

PROTECTIVE = frozenset(
    {
        "victim_controlled",
        "survivor_restitution",
        "ngo_donation",
        "undercover_law_enforcement",
        "service_infrastructure",
    }
)

HALF_LIFE_DAYS = {
    "sex_trafficking": 365,
    "labour_trafficking": 540,
    "csam": 730,
    "organ_trafficking": 730,
    "migrant_smuggling": 365,
    "recruitment": 365,
    "facilitation": 540,
    "laundering": 365,
    "cash_out": 270,
}

DEFAULT_LIFETIME_MONTHS = 24

METHOD_CEILINGS = {
    "court_record": 95,
    "legal_process_return": 90,
    "exchange_kyc_confirmation": 90,
    "undercover_purchase": 85,
    "controlled_transaction": 85,
    "advert": 75,
    "open_source_document": 60,
    "clustering_common_input": 50,
    "timing_price_match": 40,
    "change_heuristic": 35,
    "stylometry": 30,
    "hotline_tip": 20,
    "automated_crawl": 20,
    "unspecified": 10,
}

ROLES = (
    "operator_receiving",
    "advertiser_paying",
    "buyer_paying",
    "recruiter_fee",
    "platform_operator",
    "intermediary",
    "service_deposit",
    "victim_or_mule",
    "unknown",
)
PROTECTED_ROLES = frozenset({"victim_or_mule"})

RELATIONS = ("controlled_by", "deposit_at_service", "received_from", "paid_to", "clustered_with", "mentioned_with")
DIRECT_RELATIONS = frozenset({"controlled_by", "deposit_at_service"})

LEGAL_BASES = ("314(b)", "mou", "court_order", "consent", "public_source", "other")
EVIDENCE_KINDS = (
    "advert",
    "archive",
    "court_document",
    "report",
    "transaction",
    "screenshot",
    "case_file",
    "dataset",
    "other",
)
RELIABILITIES = ("A", "B", "C", "D", "E", "F")
CREDIBILITIES = (1, 2, 3, 4, 5, 6)
ORGANIZATION_KINDS = ("ngo", "forensics", "exchange", "bank", "law_enforcement", "fiu", "other")
OPINIONS = ("strongly-disagree", "disagree", "neutral", "agree", "strongly-agree")
DISAGREEING = frozenset({"strongly-disagree", "disagree"})
OPINION_REASONS = (
    "own_evidence",
    "wrong_address",
    "wrong_category",
    "service_address",
    "protected_person",
    "outdated",
    "insufficient_evidence",
    "other",
)
REVOCATION_REASONS = ("mistaken", "outdated", "duplicate", "wrong_audience", "protected_person", "court_order", "other")
ERASURE_REASONS = ("personal_data", "protected_person", "court_order", "submitted_by_mistake", "other")


def check_ceiling(method: str, confidence: int) -> None:
    """Check that the method supports the confidence. Raises AboveCeiling, which names the ceiling."""
    ceiling = METHOD_CEILINGS[method]
    if confidence > ceiling:
        detail = f"The method '{method}' supports a confidence of at most {ceiling}; the report says {confidence}."
        raise AboveCeiling(detail, errors=(Refused(AboveCeiling.code, detail, "/confidence"),))


def confidence_label(confidence: int) -> str:
    """Give the STIX 2.1 word of a confidence from 0 to 100 (appendix A, None/Low/Med/High)."""
    if confidence <= 0:
        return "none"
    return "low" if confidence < 30 else "medium" if confidence < 70 else "high"  # noqa: PLR2004 - STIX 2.1, appendix A
