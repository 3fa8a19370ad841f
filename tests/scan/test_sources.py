"""What people have, opened as rows: frames, tables, data sets of the hub, files, folders, lists, matrices."""

from __future__ import annotations

import datetime
import decimal
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest

from nbrecipe.batches import BadInput
from nbrecipe.scan.reading import read_part, scan
from nbrecipe.scan.sources.opening import open_source

ROWS = 1000
generator = np.random.default_rng(0)
NUMBERS, CLASSES = generator.standard_normal(ROWS), generator.integers(0, 3, ROWS)


def read(data, **given):
    return scan(open_source(data, "x", **given))


def kinds(data, **given):
    return {name: str(kind) for name, kind in read(data, **given).plan.kinds.items()}


@pytest.fixture(scope="module")
def frame():
    pd = pytest.importorskip("pandas")
    return pd.DataFrame(
        {
            "a": NUMBERS,
            "c": ["x", None] * (ROWS // 2),
            "cat": pd.Categorical(["u", "v"] * (ROWS // 2)),
            "day": pd.date_range("2020-01-01", periods=ROWS),
            "n": pd.array([1, None] * (ROWS // 2), dtype="Int64"),
            "target": CLASSES,
        }
    )


def same(scan):
    assert scan.whole
    assert (scan.rows, scan.part.unread) == (ROWS, 0)
    assert scan.part.spreads["a"].mean[0] == pytest.approx(NUMBERS.mean())
    assert scan.part.spreads["n"].missing.tolist() == [ROWS // 2]
    assert scan.part.labels.counts == {k: int((k == CLASSES).sum()) for k in range(3)}
    assert scan.plan.label == "target"
    assert 2020 <= scan.part.spreads["day"].low[0, 0] < 2020.01


def test_frames_and_tables_give_the_same_rows(frame):
    pl, pa = pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    same(read(frame))
    same(read(pl.from_pandas(frame)))
    same(read(pa.Table.from_pandas(frame)))
    assert read(frame, label="cat").part.labels.counts == {"u": 500, "v": 500}
    assert read(frame[["a"]], label=frame["cat"]).part.labels.counts == {"u": 500, "v": 500}
    assert read((frame[["a"]], CLASSES)).plan.label == "label"
    assert read(frame["a"]).plan.kinds == {"a": "number"}
    left, right = read(frame[["a", "target"]]), read({"a": NUMBERS, "target": CLASSES.tolist()})
    np.testing.assert_array_equal(left.part.copies.table()[0], right.part.copies.table()[0])


def test_columns_of_arrow_hold_lists_decimals_and_missing_values():
    pa = pytest.importorskip("pyarrow")
    table = pa.table(
        {
            "list": pa.array([[1.0, 2.0, 3.0]] * 4),
            "fixed": pa.array([[1, 2]] * 4, pa.list_(pa.int64(), 2)),
            "ragged": pa.array([[1, 2, 3], [4, 5], [6], [7, 8]]),
            "cost": pa.array([decimal.Decimal("1.50"), None, None, decimal.Decimal("2.50")]),
            "day": pa.array([datetime.date(2020, 1, 1)] * 4),
            "word": pa.array(["a", "b", "a", None]).dictionary_encode(),
        }
    )
    done = read(table)
    assert {k: str(v) for k, v in done.plan.kinds.items()} == {
        "list": "table", "fixed": "table", "ragged": "tokens", "cost": "number", "day": "number", "word": "text"
    }  # fmt: skip
    assert done.part.spreads["cost"].mean.tolist() == [2.0]
    assert done.part.spreads["ragged"].mean.tolist() == [2.0]


def test_data_sets_of_the_hub_are_read_in_the_format_they_have():
    hub = pytest.importorskip("datasets")
    features = hub.Features({"text": hub.Value("string"), "label": hub.ClassLabel(names=["q", "r", "s"])})
    data = hub.Dataset.from_dict({"text": ["a b", "c", "d"] * 10, "label": [0, 1, 2] * 10}, features=features)
    for one in (data, data.with_format("torch"), data.to_iterable_dataset(), data.shuffle(seed=0)):
        done = read(one)
        assert (done.rows, done.whole) == (30, True)
        assert done.part.labels.counts == {0: 10, 1: 10, 2: 10}
        assert done.source.names == {0: "q", 1: "r", 2: "s"}
        assert done.part.spreads["text"].names == ("text: characters", "text: words", "text: symbols")
    assert kinds(data.with_transform(lambda rows: {"n": [len(text) for text in rows["text"]]})) == {"n": "number"}
    images = [np.full((8, 8, 3), i, np.uint8) for i in range(6)]
    pictures = hub.Dataset.from_dict({"image": images}, features=hub.Features({"image": hub.Image()}))
    assert read(pictures).part.spreads["image"].mean[0] == 2.5
    with pytest.raises(BadInput, match=r"`x` is a DatasetDict of several splits: give one of `x\['train'\]`"):
        open_source(hub.DatasetDict(train=data), "x")


def test_matrices_bunches_and_lists():
    sklearn, sparse = pytest.importorskip("sklearn.datasets"), pytest.importorskip("scipy.sparse")
    iris = read(sklearn.load_iris())
    assert iris.part.labels.counts == {0: 50, 1: 50, 2: 50}
    assert iris.source.names[1] == "versicolor"
    assert read(sklearn.load_iris(as_frame=True)).part.spreads["petal width (cm)"].count[0] == 150
    matrix = sparse.random(5000, 300, density=0.1, format="csr", random_state=0)
    done = read((matrix, np.arange(5000) % 2))
    np.testing.assert_allclose(done.part.spreads["input"].mean, matrix.toarray().mean(0))
    assert done.part.labels.counts == {0: 2500, 1: 2500}
    assert kinds([(np.zeros(3), 1), (np.ones(3), 0)] * 20) == {"input": "table", "label": "class"}
    assert kinds([{"a": 1, "b": "x"}, {"a": None, "b": "y"}, {"a": 2}] * 20) == {"a": "number", "b": "text"}
    assert kinds({"a": [1, 2, 3], "b": ("x", "y", "z")}) == {"a": "number", "b": "text"}


def test_files_are_read_as_they_come(tmp_path, frame):
    pytest.importorskip("pyarrow")
    frame.to_csv(tmp_path / "f.csv", index=False)
    frame.to_parquet(tmp_path / "f.parquet", row_group_size=300)
    same(read(tmp_path / "f.csv"))
    same(read(str(tmp_path / "f.parquet")))
    same(read(str(tmp_path)))
    source = open_source(tmp_path / "f.parquet", "x")
    rows = [block.columns["a"] for block in source.blocks(250, 650)]
    np.testing.assert_array_equal(np.concatenate(rows), NUMBERS[250:650])
    first, second = source.blocks(0, 600), source.blocks(400, 900)
    mixed = [next(first), next(second), *first], [*second]
    assert sum(len(block) for part in mixed for block in part) == 600 + 500
    plan = scan(source).plan
    assert read_part(pickle.loads(pickle.dumps(source)), plan, 600, 1000).rows == 400
    with np.errstate(all="ignore"):
        np.save(tmp_path / "n.npy", np.eye(20))
    assert kinds(tmp_path / "n.npy") == {"input": "table"}


def test_lines_that_cannot_be_read_are_named_and_the_next_goes_on(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "odd.csv").write_text("a;b\n" + "1;2\n" * 10 + "3\n" + "\n4;5\n" * 5 + "1;2;3\n")
    odd = read(tmp_path / "odd.csv")
    assert (odd.rows, odd.part.unread) == (15, 2)
    assert [(one.row, one.told) for one in odd.part.named] == [
        (10, "has 1 cells, where the columns are 2"),
        (16, "has 3 cells, where the columns are 2"),
    ]
    assert odd.part.sample.block().rows.tolist() == [*range(10), *range(11, 16)]
    (tmp_path / "late.csv").write_text("a,b\n" + "1,2\n" * 300_000 + "oops,2\n" + "4,5\n")
    late = read(tmp_path / "late.csv")
    assert (late.rows, late.part.unread, late.part.spreads["a"].missing[0]) == (300_002, 0, 1)
    assert late.part.spreads["a"].odd == {0: [300_000]}
    lines = ['{"t": "x", "label": 1}', "{bad", "", '{"t": "\\ud800", "label": null}']
    (tmp_path / "l.jsonl").write_text("\n".join(lines * 10))
    done = read(tmp_path / "l.jsonl")
    assert (done.rows, done.part.unread, done.part.labels.missing) == (20, 10, 10)
    assert done.part.named[0].row == 1
    (tmp_path / "plain.csv").write_text("1,2\n3,4\n")
    assert read(tmp_path / "plain.csv").rows == 2


def test_a_folder_of_images_has_a_class_for_each_sub_folder(tmp_path):
    from PIL import Image

    for name in ("cat", "<b>dog"):
        (tmp_path / name).mkdir()
        for i in range(5):
            Image.fromarray(generator.integers(0, 256, (9 + i, 10, 3), dtype=np.uint8)).save(
                tmp_path / name / f"{i}.png"
            )
    (tmp_path / "cat" / "<i>.png").write_bytes(b"no image")
    (tmp_path / "cat" / "cut.png").write_bytes((tmp_path / "cat" / "4.png").read_bytes()[:200])
    (tmp_path / "cat" / "notes.txt").write_text("not read")
    done = read(str(tmp_path))
    assert done.part.labels.counts == {"<b>dog": 5, "cat": 5}
    assert [(one.row, one.told.split(":")[1].strip()) for one in done.part.named] == [
        (10, "cat/<i>.png"),
        (11, "cat/cut.png"),
    ]
    assert str(tmp_path) not in done.part.named[0].told


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.pkl", b"", "may hold a pickle, which can run code when it is loaded"),
        ("x.pt", b"", "may hold a pickle"),
        ("x.json", b'[{"a": 1}]', "is one JSON list: write one value a line"),
        ("x.csv", b"", "is empty, or its first line is"),
        ("x.parquet", b"PAR1", "cannot be read: ArrowInvalid"),
        ("x.xyz", b"", "is of a kind that is not read here; what can be read is a CSV, Parquet, JSONL or .npy file"),
    ],
)
def test_files_that_cannot_be_read_are_refused_in_one_sentence(tmp_path, name, content, told):
    pytest.importorskip("pyarrow")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=told):
        open_source(tmp_path / name, "x")


def test_no_pickle_is_loaded_from_an_array_file(tmp_path):
    class Boom:
        def __reduce__(self):
            return (print, ("loaded",))

    np.save(tmp_path / "x.npy", np.array([Boom()], dtype=object))
    with pytest.raises(BadInput, match="cannot be read"):
        open_source(tmp_path / "x.npy", "x")


def test_what_is_wrong_with_labels_and_splits_is_told(tmp_path, frame):
    with pytest.raises(BadInput, match="`x` has no column `nope`; its columns are `a`, `c`"):
        read(frame, label="nope")
    with pytest.raises(BadInput, match="`x` has 1000 rows and 2 labels were given"):
        read(frame, label=[1, 2])
    with pytest.raises(BadInput, match="there is no file or folder"):
        open_source(tmp_path / "none.csv", "x")
    with pytest.raises(BadInput, match="is a folder without images"):
        open_source(tmp_path, "x")
    for split in ("train", "val"):
        (tmp_path / split / "a").mkdir(parents=True)
        (tmp_path / split / "a" / "0.png").write_bytes(b"")
    with pytest.raises(BadInput, match="`x` is a folder of splits, `train`, `val`: give the path of one of them"):
        open_source(tmp_path, "x")
    with pytest.raises(BadInput, match="the columns of `x` differ in their rows: `a` has 2, `b` has 1"):
        open_source({"a": [1, 2], "b": [3]}, "x")


def test_no_library_is_imported_for_data_that_do_not_come_from_it():
    code = (
        "import sys, numpy; from nbrecipe.scan.reading import scan;"
        "from nbrecipe.scan.sources.opening import open_source;"
        "scan(open_source(numpy.eye(20))); scan(open_source([('a', 1)] * 20));"
        "print(*sorted({'pandas', 'polars', 'pyarrow', 'datasets', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == []


def test_a_missing_library_is_named_with_what_brings_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "x.csv").write_text(json.dumps(1))
    with pytest.raises(BadInput, match=r'pyarrow is missing: `pip install "nbrecipe\[data\]"` brings it'):
        open_source(tmp_path / "x.csv", "x")
