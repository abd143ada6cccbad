"""The chapters of the tour, in order. Each shows one promise with the command or the call that keeps it."""

from __future__ import annotations

import time
from pathlib import Path

from amber.cli import render
from amber.cli.tour.beside import beside_pickle
from amber.cli.tour.patients import MISSING, Trained, train
from amber.cli.tour.stage import Stage
from amber.cli.tour.tampering import flip_one_byte, shift_means

ARTIFACT = "diabetes.amber"
CARD = """# Will it progress fast?

Gradient boosting on eight measurements, sex and age band of 442 patients (Efron et al. 2004, from scikit-learn).
Made by `amber demo` to look at; not for any decision about anybody.
"""


def tell(folder: Path) -> None:
    """Run the whole tour; what it makes stays in `folder`."""
    stage = Stage(folder)
    stage.title("Amber", "One code-free file per trained model that proves it still computes the same thing.")
    trained = _train(stage)
    seconds = _save(stage, trained)
    _look(stage)
    _fresh_process(stage, trained)
    _predict(stage, trained)
    _damage(stage)
    _change(stage)
    stage.chapter("The price, beside pickle")
    stage.say("Medians in fresh processes, in turns. Saving includes asking the model its cases and proving the copy.")
    beside_pickle(stage, ARTIFACT, seconds)
    _farewell(stage)


def _train(stage: Stage) -> Trained:
    stage.chapter("Train a real pipeline on real data")
    trained = train()
    stage.say(
        f"442 patients of the diabetes study that ships with scikit-learn; sex and age band are categories, "
        f"{MISSING:.0%} of the measurements are missing. Fill gaps, scale, encode, boost: does the disease progress "
        f"fast? Trained in {trained.seconds:.1f} s, right about {trained.accuracy:.0%} of "
        f"{len(trained.valid)} patients it has not seen."
    )
    return trained


def _save(stage: Stage, trained: Trained) -> float:
    import amber

    stage.chapter("Save it: one file, no code in it")
    stage.code(
        [
            f'amber.save(pipeline, "{ARTIFACT}", sample=valid, name="diabetes", version="1.0.0",',
            f'           metrics={{"accuracy": {trained.accuracy:.3f}}}, licence="Apache-2.0", card=CARD)',
        ]
    )
    begin = time.perf_counter()
    saved = amber.save(
        trained.pipeline,
        stage.folder / ARTIFACT,
        sample=trained.valid,
        name="diabetes",
        version="1.0.0",
        metrics={"accuracy": round(trained.accuracy, 3)},
        licence="Apache-2.0",
        card=CARD,
    )
    seconds = time.perf_counter() - begin
    stage.show(str(saved).replace(str(stage.folder) + "/", "").splitlines(), most=8)
    return seconds


def _look(stage: Stage) -> None:
    stage.chapter("Look inside without importing a framework")
    stage.amber("inspect", ARTIFACT, most=26)
    stage.chapter("Verify it: every byte, every value, every recorded answer")
    stage.amber("verify", ARTIFACT)


def _fresh_process(stage: Stage, trained: Trained) -> None:
    stage.chapter("Load it in a fresh process: the same answers, bit for bit")
    trained.valid.to_csv(stage.folder / "patients.csv", index_label="patient")
    program = (
        "import sys, hashlib, amber\n"
        "from amber.cli.tour.patients import split\n"
        "model = amber.load(sys.argv[1])\n"
        "valid = split()[1]\n"
        "print(hashlib.sha256(model.predict_proba(valid).tobytes()).hexdigest())\n"
    )
    import hashlib

    here = hashlib.sha256(trained.pipeline.predict_proba(trained.valid).tobytes()).hexdigest()
    there = stage.python(program, ARTIFACT).strip()
    same = "the same" if here == there else "NOT THE SAME"
    stage.show(
        [
            f"SHA-256 of predict_proba, {len(trained.valid)} rows",
            f"  trained here      {here[:32]}...",
            f"  loaded elsewhere  {there[:32]}...  {render.paint(same, 'green' if here == there else 'red')}",
        ]
    )


def _predict(stage: Stage, trained: Trained) -> None:
    stage.chapter("Predict from a CSV file")
    stage.say("Columns are found by name and read as the model knew them; the column `patient` is not the model's.")
    stage.amber("predict", ARTIFACT, "patients.csv", "-o", "answers.csv", "-m", "predict_proba", "--keep")
    lines = (stage.folder / "answers.csv").read_text(encoding="utf-8").splitlines()
    stage.show(lines[:4])


def _damage(stage: Stage) -> None:
    stage.chapter("Damage a copy: one flipped bit")
    place = flip_one_byte(stage.folder / ARTIFACT, stage.folder / "damaged.amber")
    stage.say(f"damaged.amber is the same file with one bit flipped at byte {place:,}.")
    stage.amber("verify", "damaged.amber", expect=2)


def _change(stage: Stage) -> None:
    import amber

    stage.chapter("Change an answer carefully: every digest repaired, so the file is whole")
    amber.unpack(stage.folder / ARTIFACT, stage.folder / "changed")
    before, after = shift_means(stage.folder / "changed", 0.05)
    amber.pack(stage.folder / "changed", stage.folder / "changed.amber")
    stage.say(
        f"Unpacked, one mean of the scaler moved from {before:.4g} to {after:.4g}, digests written again, packed. No "
        "byte is damaged; but the recorded questions are still the old ones, and the answers are not."
    )
    stage.amber("verify", "changed.amber", expect=1, most=14)
    stage.say("And what is different, exactly?")
    stage.amber("diff", ARTIFACT, "changed.amber", expect=1, most=5)


def _farewell(stage: Stage) -> None:
    stage.chapter("Yours to play with")
    here = stage.folder.name
    stage.show(
        [
            f"{here}/{ARTIFACT:<18} the model: one file, no code",
            f"{here}/{'patients.csv':<18} rows to ask it about, and answers.csv with its answers",
            f"{here}/{'changed/':<18} an artifact as a folder: JSON and safetensors, readable without Amber",
            f"{here}/{'damaged.amber':<18} refused; changed.amber is whole, and drifted",
            "",
            f"amber inspect {here}/{ARTIFACT} --tree",
            f"amber redact {here}/{ARTIFACT} -o {here}/public.amber    # without a row of anybody's",
            f"python -c 'import amber; print(amber.load(\"{here}/{ARTIFACT}\"))'",
        ]
    )
    render.out()
    render.out(f" {render.paint(f'The tour took {stage.seconds():.0f} s.', dim=True)}")
