"""LitServe: one worker on the processor, as its documentation begins."""

import os
import sys

import joblib
import litserve
import numpy as np


class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request):
        return np.asarray(request["rows"])

    def predict(self, table):
        return self.model.predict(table), self.model.predict_proba(table)

    def encode_response(self, answer):
        return {"predictions": answer[0].tolist(), "probabilities": answer[1].tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Api(), accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
