"""`%inspect_data`: what it finds, what it returns, what it refuses in one sentence."""

from shells import CLASSIFIER, do, refused

CELL = (
    CLASSIFIER
    + """
val_dl = DataLoader(TensorDataset(x[:24] + 0.5, y[:24]), batch_size=8)
rows = [("a fine film", "pos"), ("a dull film", "neg")] * 30
table = {"age": x[:, 0], "sold": y}
"""
)


def test_loaders_are_found_by_themselves(notebook):
    answer, said = do(notebook, "%inspect_data")
    assert str(answer).startswith("Data: `train_dl` and `val_dl`: ")
    assert [split.rows for split in answer.shown.splits] == [96, 24]
    assert said.outputs or said.stdout


def test_what_is_named_is_read_under_its_name(notebook):
    answer, _ = do(notebook, "%inspect_data rows --rows 10")
    assert [(split.name, split.extent) for split in answer.shown.splits] == [("rows", "the first 10 of 60 rows")]
    answer, _ = do(notebook, "%inspect_data x --val x[:10] --labels y -q -o kept")
    assert [split.name for split in answer.shown.splits] == ["x", "x[:10]"]
    assert notebook.user_ns["kept"] is answer
    answer, _ = do(notebook, "%inspect_data table --labels sold")
    assert answer.shown.balance is not None


def test_what_cannot_be_read_is_refused_in_one_sentence(notebook):
    told = refused(notebook, "%inspect_data trian_dl")
    assert told == "there is no `trian_dl` here; did you mean `train_dl`?"
    assert refused(notebook, "%inspect_data 5").startswith("`5` is of type int; what can be read is a Dataset")
    assert refused(notebook, "%inspect_data x --rows 0") == "--rows is a number of rows, 1 or more; 0 was given"
    assert refused(notebook, "%inspect_data iter(rows)").startswith("`iter(rows)` is an iterator: reading it would use")
    cluster = "a cluster is named as dask://HOST:PORT or ray://HOST:PORT; `here` was given"
    assert refused(notebook, "%inspect_data x --on here") == cluster


def test_a_path_is_read_as_it_stands(notebook, tmp_path):
    (tmp_path / "n.csv").write_text("age,label\n" + "".join(f"{i % 50},{'ab'[i % 2]}\n" for i in range(200)))
    answer, _ = do(notebook, f"%inspect_data {tmp_path / 'n.csv'}")
    assert answer.shown.splits[0].rows == 200
    assert [column.name for column in answer.shown.columns] == ["age", "label"]
    assert refused(notebook, "%inspect_data gone.csv") == "there is no file or folder `gone.csv`"


def test_columns_and_probabilities_may_be_given(notebook):
    answer, _ = do(notebook, "%inspect_data table --columns age")
    assert [column.name for column in answer.shown.columns] == ["age"]
    told = refused(notebook, "%inspect_data table --columns age,price")
    assert told == "`table` has no column `price`; its columns are `age`, `sold`"
    told = refused(notebook, "%inspect_data table --columns age,")
    assert told == "--columns takes names, as in `--columns age,income`; `age,` has an empty one"
    do(notebook, "import numpy as np; probs = np.eye(len(y.unique()))[y] * 0.9 + 0.1 / len(y.unique())")
    answer, _ = do(notebook, "%inspect_data train_dl --pred-probs probs")
    assert "`probs` agrees with **1.00** of 96 rows" in answer.results["label-noise"].finding.message
    assert refused(notebook, "%inspect_data train_dl --pred-probs probs[:9]").startswith("`probs[:9]` has 9 rows and")
    do(notebook, "two = DataLoader(TensorDataset(x, y), batch_size=4)")  # of two loaders none is taken by itself
    answer, _ = do(notebook, "%inspect_data two --pred-probs probs")
    assert "`probs` agrees" in answer.results["label-noise"].finding.message
    assert refused(notebook, "%inspect_data two --pred-probs probs[:9]").startswith("`probs[:9]` has 9 rows and")
    assert (
        refused(notebook, "%inspect_data two --pred-probs porbs") == "there is no `porbs` here; did you mean `probs`?"
    )
    do(notebook, "%bind pred_probs=probs")
    do(notebook, "del two")
    answer, _ = do(notebook, "%recipe label-noise")
    assert "`probs` agrees" in answer.results["label-noise"].finding.message
