"""HTTP/1.1: from the bytes of a connection to a checked `Request`, and its answer back, in order.

    listener -> protocol (one object a connection) -> head -> guards, routes -> body -> handler(Request) -> answers

In: sockets, `Routes`, settings, and what watches (`Watch`). Out: calls of handlers, and bytes to clients. `front.app`
makes the routes and calls `listener.listen`; handlers know `messages` alone. Nothing here knows what a model is.

One request of a connection is worked on at a time; what a client sends ahead waits in a bounded buffer, then in its
own kernel. So answers come in the order of the requests (RFC 9112, 9.3.2), and a flood of requests costs the flooder.
"""
