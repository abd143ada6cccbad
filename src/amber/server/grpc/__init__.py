"""The Open Inference Protocol over gRPC, in a process of its own: messages in, HTTP with binary tensors out.

    client -> service (gRPC) -> tensors (raw contents as they are, typed ones packed)
           -> backend (HTTP through the front's Unix socket)

In: settings and the front's socket. Out: the same answers and refusals as over HTTP, since the front gives them: keys,
limits and queues are there alone. Started by the front through `child`; nothing here touches a model.
"""
