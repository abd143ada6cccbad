"""What may be built, as data: identifiers, attributes, constraints and rules (`spec/vocabulary/*.json`).

In: an identifier from a tree, or a (module, name) pair from a live object. Out: the entry that says where the class
lives, which attributes it may have and what their values must satisfy. No framework is imported here and nothing is
looked up in the installed packages: a name is either in these files or unknown. Called by the audits
(`vocabulary.audit`, `adapters.values`) and by the live half that takes and builds objects.
"""

from amber.vocabulary.entries import Entry, Routine, Target
from amber.vocabulary.loader import Vocabulary, load

__all__ = ["Entry", "Routine", "Target", "Vocabulary", "load"]
