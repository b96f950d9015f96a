import re
from pathlib import Path
import test_damaged as d
from everything import EVERYTHING
from hypothesis import given, settings, event, strategies as st
obm="\n".join(p.read_text() for p in [Path("specs/obm.pv"),*sorted(Path("specs/pmap").glob("*.pv"))])
obm=re.sub(r'^import .*$',"",obm,flags=re.M)
d.SPECS[:]=[EVERYTHING,EVERYTHING,obm]
@settings(max_examples=1500, deadline=None)
@given(d.damaged())
def test_big(text):
    event(d.fate(text))
