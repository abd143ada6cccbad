"""Live objects to trees and back, one adapter for each library; `take` and `build` are the engine they plug into.

In: an object and the caller's policy (`take`), or a checked tree (`values`, then `build`). Out: a tree, or the object.
Called by `models`. Frameworks are imported when a type of theirs is met, never before; adapters do not see each other.
"""
