import reports

from nbrecipe.finding import Result, bad
from nbrecipe.render.findings.text import WIDTH, findings
from nbrecipe.report import Report

INIT = """\
Initialisation of `net`: 1 fault, 1 hint, 5 hold, 2 skipped, 0.21 s; your model is as it
was

✗ Loss at init is 4.607; these labels give 2.303 ± 0.004
  loss-at-init · `net.head` · the last layer starts 30 times too large
  Start the last layer's weight at zero.
      nn.init.zeros_(net.head.weight)

△ The last bias is not the prior: 0.31 nats are spent on learning it
  final-bias · class 1 is 9 % of the labels
  Set the bias of `net.head` to the log class frequencies.
      net.head.bias.data = (labels.bincount() / len(labels)).log()

✓ Signal keeps its variance over 18 layers: 0.94 to 1.21 forward, 0.81 to 1.07 backward
  held: vanishing-signal, dead-units, exploding-signal, symmetric-init, saturated-units

– nothing-loaded, pretrained-overwritten: needs `pretrained`
      %bind pretrained=state_dict

To silence: # nbrecipe: ignore loss-at-init, final-bias"""


def test_the_whole_report_stands_alone():
    assert findings(reports.init()) == INIT


def test_sentences_wrap_and_code_does_not():
    code = "x = " + " + ".join(["something"] * 12)
    told = findings(Report("t").add([Result("an-id", "", bad("word " * 40, fix="Do. " * 40, code=code))]))
    assert [line for line in told.splitlines() if len(line) > WIDTH] == [f"      {code}"]


def test_an_empty_report_says_so():
    assert findings(Report("Checks")) == "Checks: nothing has run yet"


def test_a_crash_is_told_with_its_place():
    assert (
        findings(reports.crash())
        == """\
Checks: 1 crashed

! ValueError: <script>alert(1)</script>
  dead-units · nbrecipe/checks/init/dead_units.py:41
  This is a bug of nbrecipe; please report it with the line below."""
    )


def test_where_all_held_every_sentence_is_told():
    told = findings(reports.healthy())
    assert told.startswith("Initialisation of `net`: 5 hold, 0.18 s; your model is as it was\n\n✓ ")
    assert "\n✓ 0 of 512 ReLU units are off on all 64 examples · dead-units\n" in told
    assert told.count("✓") == 5
