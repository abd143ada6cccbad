"""What crosses between front and worker, inert on both sides: the layout of a batch, the lane it goes through.

In: requests (`exchange.Asked`). Out: the bytes of a batch and back. The front knows every length and offset itself;
it believes none that a worker wrote. `batch` is the layout, `lane` makes the ends (`ends`, `shared`, `sockets`),
`control` says what is asked of a loader and what became of it, `starting` starts one, `refusing` keeps its descriptors
out of the front.
"""
