"""Who may do and who may see: every policy decision, as pure functions.

The rule here: whoever may not see a thing gets the same answer as if it did not exist. `can_see` is the one predicate;
`storage/visibility.py` is its twin in SQL, and a property test holds them equal.
"""

from collections.abc import Set as AbstractSet
from uuid import UUID

from app.domain.actor import Actor, Scope
from app.domain.audience import Audience
from app.domain.errors import Forbidden
from app.domain.marking import Tlp

NEEDED_SCOPE = {
    "look_up": Scope.QUERY,
    "screen": Scope.QUERY,
    "read_reports": Scope.QUERY,
    "export": Scope.QUERY,
    "read_log": Scope.QUERY,
    "read_groups": Scope.QUERY,
    "read_organizations": Scope.QUERY,
    "submit": Scope.SUBMIT,
    "follow": Scope.SUBMIT,
    "change_group": Scope.GROUP,
    "read_audit": Scope.AUDIT,
    "administer": Scope.ADMINISTER,
    "read_peers": Scope.OPERATE,
    "operate": Scope.OPERATE,
}
NEEDS_STRONG = frozenset({"export", "administer", "operate"})


def check_act(actor: Actor, deed: str) -> None:
    """Check that the actor's credential may do the deed. Raises Forbidden, which names what is missing."""
    scope = NEEDED_SCOPE[deed]
    if scope not in actor.scopes:
        raise Forbidden(f"This credential does not have the scope '{scope}'.")
    if deed in NEEDS_STRONG and not actor.strong:
        raise Forbidden("An API key may not do this: sign in with private_key_jwt, or as a person.")


def can_see(actor: Actor, audience: Audience, tlp: Tlp, groups: AbstractSet[UUID]) -> bool:
    """Tell whether the actor may read a record of this audience and marking.

    `groups` are the groups of which the actor's organization is a member now. Not looked at: scopes, which say what a
    credential may do and not what an organization may know.
    """
    if tlp is Tlp.RED and not actor.strong:
        return False
    if audience.kind == "group":
        return audience.group in groups
    if audience.kind == "organizations":
        return actor.organization in audience.organizations
    return audience.kind == "public"
