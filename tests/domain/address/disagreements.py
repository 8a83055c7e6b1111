"""Where another package judges a text differently from us: the table of all explained disagreements.

The rule here: what is not in the table is a failure, and so is a row whose texts are no longer judged differently.
"""

from tests.domain.address.disagreement_shapes import has_shape
from tests.domain.address.disagreements_base32 import BASE32
from tests.domain.address.disagreements_base58 import BASE58
from tests.domain.address.disagreements_hex import HEX

TABLE = (*BASE58, *BASE32, *HEX)


def explained(package: str, format_: str, text: str, accepted_by: str) -> bool:
    """Say whether the table knows this difference."""
    return any(
        row.package == package and format_ in row.formats and row.accepted_by == accepted_by and has_shape(row, text)
        for row in TABLE
    )
