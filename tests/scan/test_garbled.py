"""Texts whose UTF-8 was read as Latin-1 are told with what was meant; texts in any language are left alone."""

import numpy as np
import pandas as pd
import pytest

import nbrecipe
from nbrecipe.scan.counts.garbled import Garbled, around, is_garbled, repaired
from nbrecipe.scan.counts.letters import letters

#: bytes for which Windows-1252 has no letter
NONE = (0x81, 0x8D, 0x8F, 0x90, 0x9D)


def read_wrongly(text, encoding):
    """The text as one gets it whose bytes of UTF-8 are read so."""
    return "".join(
        chr(byte) if encoding == "latin-1" or byte in NONE else bytes([byte]).decode(encoding) for byte in text.encode()
    )


MEANT = [
    "a café in Orléans",
    "São Paulo não é",
    "señor, ¿qué tal?",
    "Müller’s größte Straße",
    "smörgåsbord på ön",
    "łódź, święty źdźbło",
    "příliš žluťoučký kůň",
    "gyűjtés, őrült",
    "güneşli bir gün, ağaç",
    "don’t “quote” me – or — do…",
    "it costs 5 € or 5 £ at 5 °C ± 1",
    "Þórður og Æsa",
    "привет мир",
    "Καλημέρα κόσμε",
    "שלום עולם",
    "مرحبا بالعالم",
    "日本語の文章",
    "한국어 문장",
    "đường Việt Nam",
    "a smile 😀 and 👍",
]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("meant", MEANT)
def test_wrong_texts_are_seen_and_mended(meant, encoding):
    wrong = read_wrongly(meant, encoding)
    assert is_garbled(wrong)
    assert repaired(wrong) == meant
    assert not is_garbled(meant)


def test_a_text_that_was_read_wrongly_twice_is_mended():
    assert repaired(read_wrongly(read_wrongly("the café isn’t here", "cp1252"), "cp1252")) == "the café isn’t here"


RIGHT = [
    "« café » et « déjà », voilà » !",
    "«\u00a0café\u00a0» \u00e0\u00a0§ 3, payé\u00a0€5, né—£5, voilà\u00a0: CAFÉ\u00a0!",
    "„groß“, »Fuß«, ‚Spaß‘ – GRÖSSE… Ü”",
    "SÃO PAULO… NÃO É VERDADE”, MANHÃ… IRMÃ” AÇÃO® MAÇÃ™ LÃ—",
    "“irmã…” “não”—disse ‘café’—e “está»…”",
    "Úžasný „stráž“ náš… úž ŠŽÝÁÍÉ",
    "ĐÃ… XÃ—một Ã” VIỆT NAM ƯU ĐIỂM",
    "Þú ert við… ÞÓRÐUR ÐÐ",
    "İstanbul’da IŞIK… ĞÜŞ”",
    "Έλληνες… Привет, СЁМГА, Сёмга»",
    '2.1 Å±0.05, Ø½" or Ø±0.1 mm, 5×½, ½×¾×½×¼',
    "étudiant·e·s, é·e, café² and café²³, René†‡, l’été’”",
    "Nestlé® Nestlé®\u00a0café™…",
    "[À-ÖØ-öø-ÿ], [Â-ß], ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷ø",
    "la lettre Â\u00a0: et «\u00a0Â\u00a0»",
    "¡Ñandú! ¿SEÑ…? PEÑA” “Ñ”",
    "日本語の文章、中文，한국어",
    "x = 'é'; y = \"à\" # ñ…",
]


@pytest.mark.parametrize("text", RIGHT)
def test_texts_that_are_right_are_left_alone(text):
    assert not is_garbled(text)
    assert not is_garbled(text.upper())
    assert repaired(text) == text


def test_names_in_every_language_of_the_common_locale_data_are_left_alone():
    data = pytest.importorskip("babel.localedata")
    names = [name for place in data.locale_identifiers()[::24] for name in _texts(dict(data.load(place)))]
    names = [name for name in dict.fromkeys(names) if not name.isascii()]
    assert len(names) > 5_000
    wrapped = [form.format(name) for name in names for form in ("{}", "„{}“", "«\u00a0{}\u00a0»", "“‘{}’”—", "{}…”")]
    assert [text for text in wrapped if is_garbled(text)] == []


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def test_the_words_around_are_told():
    assert around("they met in the cafÃ©s, of Paris") == ("cafÃ©s,", "cafés,")
    assert around("Ã©") == ("Ã©", "é")


def test_parts_count_what_the_whole_does():
    texts = ["plain", "café", "cafÃ©", "lost \ufffd letter", "", "donâ€™t", "Ã¼ber \ufffd"] * 3
    rows, whole, merged = np.arange(len(texts)) + 5, Garbled(), Garbled()
    whole.add(letters(texts), rows)
    for low in range(0, len(texts), 4):
        part = Garbled()
        part.add(letters(texts[low : low + 4]), rows[low : low + 4])
        merged.merge(part)
    assert whole == merged
    assert (whole.count, whole.lost) == (9, 6)
    assert whole.first[:2] == [(7, "cafÃ©", "café"), (10, "donâ€™t", "don’t")]
    assert whole.lost_first == [8, 11, 15, 18, 22]


def frame(**changes):
    texts = [f"the café number {k} is naïve" for k in range(120)]
    table = pd.DataFrame({"text": texts, "label": np.arange(120) % 2})
    for row, text in changes.get("texts", {}).items():
        table.loc[row, "text"] = text
    return table.assign(**changes.get("columns", {}))


def told(table):
    answer = nbrecipe.inspect_data(table, labels="label", names={"train_data": "df"})
    result = answer.results["corrupted-input"]
    return str(result.verdict), result.finding.message, answer


def test_rows_are_named_with_what_was_meant():
    verdict, message, answer = told(frame(texts={5: "the cafÃ© on 5th", 9: "I donâ€™t", 20: "lost \ufffd letter"}))
    assert verdict == "hint"
    assert message == (
        "in `text` of `df` **2** rows (5, 9) hold UTF-8 that was read as Latin-1: `cafÃ©` for `café`, `donâ€™t` for "
        "`don’t`; row 20 holds `\ufffd` for a letter that was lost in decoding"
    )
    assert answer.results["corrupted-input"].finding.code == '%browse df --filter "row in (5, 9)"'
    assert "UTF-8 read as Latin-1: 2 rows (1.7 %), first 5, 9 · 'cafÃ©' is 'café'" in " ".join(str(answer).split())
    assert "cafÃ©" in answer._repr_html_()


def test_names_of_classes_are_told():
    names = np.where(np.arange(120) % 2, "MÃ¼nchen", "Köln")
    verdict, message, _ = told(frame(columns={"label": names}))
    assert verdict == "hint"
    assert message == "classes of `df` are UTF-8 that was read as Latin-1: `MÃ¼nchen` for `München`"


def test_right_texts_hold():
    assert told(frame())[0] == "ok"


def test_texts_that_are_missing_are_counted_all():
    table = frame()
    table.loc[20:, "text"] = None
    verdict, message, _ = told(table)
    assert verdict == "hint"
    assert message.startswith("**100** rows (20, 21, 22, 23, 24, …) in 120 rows of `df` hold no text in `text`")
