"""Ray Serve: one replica behind its proxy."""

import os
import sys
import time

import joblib
import numpy as np
import ray
from ray import serve
from starlette.requests import Request


@serve.deployment(num_replicas=1, logging_config={"enable_access_log": False})
class Model:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    async def __call__(self, request: Request) -> dict:
        if request.method == "GET":
            return {"ready": True}
        table = np.asarray((await request.json())["rows"])
        return {
            "predictions": self.model.predict(table).tolist(),
            "probabilities": self.model.predict_proba(table).tolist(),
        }


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200 * 1024 * 1024, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Model.bind())
    while True:
        time.sleep(1)
