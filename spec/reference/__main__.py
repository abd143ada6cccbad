"""Usage: python -m spec.reference FILE ... says what each step says; exit code 0: all passed; 2: one was refused."""

import json
import sys

from spec.reference import read

try:
    found = {path: read(path) for path in sys.argv[1:]}
except OSError as error:
    sys.exit(print(error, file=sys.stderr) or 66)
print(json.dumps(found, indent=1))
sys.exit(2 * any(said[6] != "passed" for said in found.values()))
