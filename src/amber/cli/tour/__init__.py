"""The guided tour behind `amber demo`: real data, a real pipeline, and every promise shown with the real commands.

    story (the chapters) -> patients (train) -> the commands -> tampering -> beside (a pickle)

Everything is shown by `stage`, as text for a terminal or a log. Called by the command `demo` alone.
"""
