"""The Open Inference Protocol v2 over REST, with its binary tensor extension: pure functions of bytes.

In: `decode` a body and the interface it is for. Out: `encode` the answer; `metadata` for `/v2/models/{name}`.
"""

from amber.server.formats.metadata import metadata
from amber.server.formats.v2_answer import encode
from amber.server.formats.v2_request import decode

__all__ = ["decode", "encode", "metadata"]
