import pytest

from app.domain.errors import ContradictoryMarking, InvalidRecord
from app.domain.marking import ALLOWED_AUDIENCES, Pap, Tlp, check, parse_pap, parse_tlp, read_pap, read_tlp

KINDS = ("public", "group", "organizations")
MATRIX = {
    "TLP:CLEAR": (True, True, True),
    "TLP:GREEN": (False, True, True),
    "TLP:AMBER": (False, True, True),
    "TLP:AMBER+STRICT": (False, True, True),
    "TLP:RED": (False, False, True),
}
UNKNOWN = ["TLP:WHITE", "tlp:red", "RED", "TLP:RED ", "TLP:AMBER STRICT", "", "TLP:\uff32ED"]


@pytest.mark.parametrize("label", MATRIX)
@pytest.mark.parametrize("kind", KINDS)
def test_the_matrix_of_markings_and_audiences(label, kind):
    if MATRIX[label][KINDS.index(kind)]:
        check(Tlp(label), kind)
    else:
        with pytest.raises(ContradictoryMarking, match="it allows: "):
            check(Tlp(label), kind)


def test_the_matrix_is_whole():
    assert list(MATRIX) == [str(tlp) for tlp in Tlp]
    assert set(ALLOWED_AUDIENCES) == set(Tlp)
    with pytest.raises(ContradictoryMarking):
        check(Tlp.CLEAR, "everybody")


def test_known_labels_are_read():
    assert [parse_tlp(str(tlp)) for tlp in Tlp] == [read_tlp(str(tlp)) for tlp in Tlp] == list(Tlp)
    assert [parse_pap(str(pap)) for pap in Pap] == [read_pap(str(pap)) for pap in Pap] == list(Pap)


@pytest.mark.parametrize("label", UNKNOWN)
def test_an_unknown_label_is_red_when_stored_and_refused_when_submitted(label):
    assert read_tlp(label) is Tlp.RED
    assert read_pap(label) is Pap.RED
    with pytest.raises(InvalidRecord, match="tlp must be one of TLP:CLEAR"):
        parse_tlp(label)


@pytest.mark.parametrize("label", [None, 5, ["TLP:RED"], {"tlp": "TLP:RED"}, True, "PAP:WHITE", "pap:red", ""])
def test_what_is_no_label_is_refused(label):
    with pytest.raises(InvalidRecord):
        parse_tlp(label)
    with pytest.raises(InvalidRecord, match="pap must be one of PAP:CLEAR"):
        parse_pap(label)
