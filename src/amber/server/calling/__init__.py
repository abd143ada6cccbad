"""The client's half: rows of any kind to tensors of a request, HTTP with retries, tensors of an answer to arrays.

    rows (table, columns, array, list) -> rows.columns_of -> tensors.body -> transport.ask -> tensors.answers -> arrays

In: a person's rows and a server's metadata. Out: NumPy arrays with the server's exact bits, or an `errors.CallError`.
Called by `client.Client` and `amber call`.
"""
