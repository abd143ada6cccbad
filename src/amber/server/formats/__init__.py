"""Between the bytes of clients and `exchange`: pure functions, inert (no NumPy), one module for each format.

In: a body, as it came, with the `interface.Interface` of the model it is for. Out: an `exchange.Asked`, or a raised
`exchange.Failure` that names row, column, what was expected and what came; and back, an `exchange.Answered` as bytes.
The routes of `front` call it, and the bulk process of `worker` for bodies that the front does not look into.
"""
