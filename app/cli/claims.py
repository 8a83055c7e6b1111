"""The fields of a report as options of a command.

The rule here: an option's text becomes the field's value here and nowhere else; what it means is judged by the domain.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from app.domain import audience as audiences
from app.domain import marking, vocabulary
from app.domain.audience import Audience
from app.domain.errors import InvalidRecord
from app.domain.ids import parse_id

F = TypeVar("F", bound=Callable[..., Any])


class AudienceType(click.ParamType[Any]):
    """`public`, `group:ID` or `organization:ID[,ID]`; or the JSON of a record's audience."""

    name = "audience"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text. Fails as wrong usage."""
        try:
            return parse_audience(str(value)).to_document()
        except (InvalidRecord, ValueError) as error:
            self.fail(getattr(error, "detail", str(error)), param, ctx)


def parse_audience(text: str) -> Audience:
    """Read an audience. Raises InvalidRecord."""
    kind, _, names = text.strip().partition(":")
    if text.lstrip().startswith("{"):
        return audiences.parse(json.loads(text))
    ids = [parse_id(name.strip(), "audience") for name in names.split(",") if name.strip()]
    if kind == "public" and not names:
        return audiences.PUBLIC
    if kind == "group" and len(ids) == 1:
        return audiences.group(ids[0])
    if kind in {"organization", "organizations"} and ids:
        return audiences.organizations(*ids)
    raise InvalidRecord("give public, group:ID or organization:ID[,ID].")


class MarkingType(click.ParamType[Any]):
    """A marking, in full (`TLP:AMBER`) or by its last word (`amber`)."""

    def __init__(self, scheme: str, known: tuple[str, ...]) -> None:
        """Take the labels of one scheme."""
        self.name = scheme.lower()
        self._scheme = scheme
        self._known = known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read the label. Fails as wrong usage."""
        word = str(value).strip().upper()
        text = word if word.startswith(f"{self._scheme}:") else f"{self._scheme}:{word}"
        if text not in self._known:
            self.fail(f"must be one of {', '.join(self._known)}.", param, ctx)
        return text


def claim_options(command: F) -> F:
    """Add the fields of a report to a command, under their own names; absent ones are None."""
    options = (
        click.option("--category", type=click.Choice(tuple(vocabulary.CATEGORIES)), help="What the addresses are for."),
        click.option("--subcategory", help="What exactly, within the category."),
        click.option("--method", type=click.Choice(tuple(vocabulary.METHOD_CEILINGS)), help="How it is known."),
        click.option("--confidence", type=click.IntRange(0, 100), help="How sure; each method has a ceiling."),
        click.option("--reliability", type=click.Choice(vocabulary.RELIABILITIES), help="Of the source (Admiralty)."),
        click.option("--credibility", type=click.IntRange(1, 6), help="Of the claim (Admiralty)."),
        click.option("--tlp", type=MarkingType("TLP", tuple(marking.Tlp)), help="Handling: CLEAR ... RED."),
        click.option("--pap", type=MarkingType("PAP", tuple(marking.Pap)), help="Permitted actions [as --tlp]."),
        click.option("--audience", type=AudienceType(), help="public, group:ID or organization:ID[,ID]."),
        click.option("--case", help="Your own reference of the case."),
        click.option("--summary", help="A short text without personal data."),
        click.option("--legal-basis", type=click.Choice(vocabulary.LEGAL_BASES), help="On what you share it."),
        click.option("--valid-until", help="When the claim ends (RFC 3339) [24 months]."),
    )
    for option in reversed(options):
        command = option(command)
    return command


CLAIMS = (
    *("category", "subcategory", "method", "confidence", "reliability", "credibility", "tlp", "pap", "audience"),
    *("case", "summary", "legal_basis", "valid_until"),
)
NEEDED = ("category", "method", "confidence", "tlp", "audience")


def stated(options: dict[str, Any]) -> dict[str, Any]:
    """Take the report's fields out of a command's options: those that were given.

    Raises ContradictoryMarking and AboveCeiling, so that nothing is read or sent in vain.
    """
    fields = {name: value for name in CLAIMS if (value := options.pop(name, None)) is not None}
    if "tlp" in fields and "audience" in fields:
        marking.check(marking.Tlp(fields["tlp"]), fields["audience"]["kind"])
    if "method" in fields and "confidence" in fields:
        vocabulary.check_ceiling(fields["method"], fields["confidence"])
    return fields


def missing(fields: Mapping[str, Any]) -> list[str]:
    """Name what every report needs and this one does not state."""
    return [name for name in NEEDED if fields.get(name) is None]


def complete(fields: dict[str, Any]) -> dict[str, Any]:
    """Add the PAP that goes with the TLP, where none is stated."""
    if fields.get("tlp") and not fields.get("pap"):
        fields["pap"] = f"PAP:{str(fields['tlp']).removeprefix('TLP:').removesuffix('+STRICT')}"
    return fields


def check_needed(fields: Mapping[str, Any]) -> None:
    """Check that a report has what every report needs. Raises click.UsageError, which names the options."""
    names = [f"--{name}" for name in missing(fields)]
    if names:
        raise click.UsageError(f"Give {', '.join(names)}: the document does not state it.")
