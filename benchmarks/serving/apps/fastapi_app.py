"""What a team writes by hand: FastAPI, joblib, one endpoint; `def` runs in a thread pool, `async def` in the loop."""

import os

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

model = joblib.load(os.environ["MODEL"])
app = FastAPI()


class Rows(BaseModel):
    rows: list[list[float]]


def answer(rows: Rows) -> dict[str, list]:
    table = np.asarray(rows.rows)
    return {"predictions": model.predict(table).tolist(), "probabilities": model.predict_proba(table).tolist()}


@app.get("/ready")
def ready() -> dict[str, bool]:
    return {"ready": True}


@app.post("/def")
def in_thread(rows: Rows) -> dict[str, list]:
    return answer(rows)


@app.post("/async")
async def in_loop(rows: Rows) -> dict[str, list]:
    return answer(rows)
