"""Every code Amber refuses or reports with: its step and its meaning. Names, never renumbered or reused.

A step of None: the code is about a call (an argument, a file that cannot be read, a model that cannot be
saved), not about what is in an artifact. `spec/codes.json` is written from this table by
`scripts/write_codes.py`.
"""

from __future__ import annotations

Table = dict[str, tuple[int | None, str]]

CONTAINER: Table = {
    "container-not-canonical": (
        1,
        "a byte outside the payloads is not what names, sizes and CRCs give, or the file is cut",
    ),
    "crc-mismatch": (1, "the CRC-32 of a member is not that of its bytes"),
    "folder-extra": (1, "the folder holds a file or an empty folder that is no member"),
    "folder-link": (1, "a member of the folder is a link, has two names, or is not a regular file"),
    "limit-file-bytes": (1, "the artifact is larger than the limit file_bytes"),
    "limit-members": (1, "more members than the limit members"),
    "limit-signatures": (1, "more members below signatures/ than the limit signatures"),
    "manifest-missing": (1, "there is no manifest.json, or it is not the first member"),
    "member-duplicate": (1, "two names are equal after lower-casing, or a member is also a folder"),
    "member-name": (1, "the name of a member breaks the rules for names"),
}

MANIFEST: Table = {
    "card-invalid": (3, "the model card is not UTF-8"),
    "format-unknown": (3, "the format version is not one this reader knows"),
    "limit-card-bytes": (3, "README.md is larger than the limit card_bytes"),
    "limit-cases-bytes": (3, "the members below cases/ are together larger than the limit cases_bytes"),
    "limit-cases-members": (3, "more members below cases/ than the limit cases_members"),
    "limit-environment-bytes": (3, "env/pylock.toml is larger than the limit environment_bytes"),
    "limit-manifest-bytes": (3, "manifest.json is larger than the limit manifest_bytes"),
    "limit-strings-bytes": (3, "model/strings.json is larger than the limit strings_bytes"),
    "limit-tree-bytes": (3, "model/tree.json is larger than the limit tree_bytes"),
    "manifest-invalid": (3, "manifest.json is not JSON, or a key is unknown, absent or of another type"),
    "manifest-not-canonical": (3, "manifest.json is not canonical JSON"),
    "manifest-value": (3, "a value of the manifest breaks its rule"),
    "member-missing": (3, "a member that is listed or required is not there"),
    "member-size": (3, "a member has another size than the manifest says"),
    "member-too-large": (3, "a member below signatures/ is larger than such a member may be"),
    "member-unknown": (3, "a member stands where the format has no place for it"),
    "member-unlisted": (3, "a member is there that the manifest does not list or describe"),
    "metric-not-finite": (3, "a metric is not a finite number in its one spelling"),
    "name-invalid": (3, "the artifact's name breaks the rule for names"),
    "requires-unknown": (3, "the artifact requires a feature this reader does not have"),
    "version-invalid": (3, "the artifact's version is not MAJOR.MINOR.PATCH"),
}

DIGESTS: Table = {
    "digest-mismatch": (4, "the BLAKE3 digest of a member is not the one the manifest lists"),
}

POLICY: Table = {
    "policy-refused": (5, "the reader's policy refuses the artifact"),
    "signers-unsupported": (5, "the policy names signers, and this version cannot check signatures"),
}

TENSORS: Table = {
    "limit-tensor-header-bytes": (6, "the header of a shard is longer than the limit tensor_header_bytes"),
    "limit-tensors": (6, "more tensors than the limit tensors"),
    "shards-not-canonical": (6, "tensors are not named t0, t1, ... once each, or a shard ends elsewhere than it must"),
    "tensor-bool": (6, "a byte of a BOOL tensor is neither 0 nor 1"),
    "tensor-header-invalid": (6, "the header of a shard cannot be read, or holds an unknown name, dtype or shape"),
    "tensor-header-not-canonical": (6, "the header of a shard is not the one its names, dtypes and shapes give"),
    "tensor-out-of-bounds": (6, "offsets and shape disagree, or tensors do not cover the data section exactly"),
}

TREE: Table = {
    "column-missing": (6, "a node refers to a string column that is not there"),
    "column-shared": (6, "two nodes refer to one string column"),
    "column-unused": (6, "no node refers to a string column"),
    "dtype-unknown": (6, "a dtype is not of the closed list, or a structured dtype is not sound"),
    "key-duplicate": (6, "a key of a map stands twice"),
    "key-invalid": (
        6,
        "a key or set element is neither a scalar nor a flat tuple of scalars, or an integer beyond 64 bits",
    ),
    "limit-dtype-fields": (6, "more fields in a dtype than the limit dtype_fields"),
    "limit-integer-digits": (6, "an integer has more digits than the limit integer_digits"),
    "limit-nodes": (6, "more nodes than the limit nodes"),
    "number-invalid": (6, "a number is not in its one spelling, or out of range"),
    "shape-invalid": (6, "a shape has a negative size, too many dimensions, or more bytes than an array can have"),
    "tensor-mismatch": (6, "a tensor's dtype or shape is not what its node declares"),
    "tensor-missing": (6, "a node refers to a tensor that is not there, or lacks one"),
    "tensor-shared": (6, "two nodes refer to one tensor"),
    "tensor-unused": (6, "no node refers to a tensor"),
    "tree-invalid": (6, "model/tree.json or model/strings.json is not JSON of the right shape"),
    "tree-not-canonical": (6, "model/tree.json or model/strings.json is not in its one spelling"),
    "tree-order": (6, "nodes are not in the order in which a walk from the root meets them, or cannot be reached"),
}

AUDIT: Table = {
    "attribute-missing": (6, "an object lacks an attribute its type must have"),
    "attribute-shadows": (6, "an attribute would hide a method, property or descriptor of the class"),
    "attribute-unknown": (6, "an object has an attribute its type does not list"),
    "bool-invalid": (6, "a boolean is neither 0 nor 1"),
    "child-not-greater": (6, "a child of a tree node does not stand after its parent"),
    "class-needs-adapter": (6, "a class defines its own state protocol and cannot be rebuilt from its attributes"),
    "dtype-mismatch": (6, "an array has another dtype than its place allows"),
    "function-not-allowed": (6, "a function of the vocabulary stands where it may not"),
    "function-unknown": (6, "a function is not in the vocabulary"),
    "index-out-of-range": (6, "an index points outside its target"),
    "kind-mismatch": (6, "an attribute holds another kind of node than its type allows"),
    "limit-components": (6, "a transformer would make more columns than the limit components"),
    "limit-hash-features": (6, "a hashing vectoriser has more features than the limit hash_features"),
    "limit-iterations": (6, "a solver inside predict or transform may run longer than the limit iterations"),
    "limit-jobs": (6, "an estimator asks for more processes than the limit jobs"),
    "limit-nesting": (6, "object arrays, deques or default dicts stand inside one another too deeply, or in a cycle"),
    "limit-ngram": (6, "n-grams are longer than the limit ngram"),
    "limit-pattern-chars": (6, "a regular expression is longer than the limit pattern_chars"),
    "limit-polynomial-degree": (6, "a degree is higher than the limit polynomial_degree"),
    "limit-unfolded-objects": (6, "shared objects would unfold into more work than the limits allow"),
    "limit-verbosity": (6, "an estimator is more talkative than the limit verbosity"),
    "link-unknown": (6, "a link names an object this reader does not have"),
    "name-not-allowed": (6, "a class or function of the user's own is not allowed by the reader's policy"),
    "not-distinct": (6, "values must differ from each other"),
    "not-finite": (6, "a value must be finite"),
    "not-increasing": (6, "values must increase"),
    "pattern-refused": (6, "a regular expression can take a time that is not linear in the text"),
    "shape-mismatch": (6, "arrays that belong together do not fit together"),
    "string-not-allowed": (6, "a string is not one of those its place allows"),
    "text-invalid": (6, "an array of text holds what is no code point"),
    "tree-cycle": (6, "objects refer to each other in a way that cannot be built"),
    "type-unknown": (6, "a type is not in the vocabulary"),
    "value-mismatch": (6, "values that belong together contradict each other"),
    "value-out-of-range": (6, "a value is outside its bounds"),
}

PROGRAMS: Table = {
    "plan-invalid": (8, "programs/NAME.json is not JSON, or a key is unknown, absent or of another type"),
    "plan-not-canonical": (8, "programs/NAME.json is not canonical JSON"),
    "limit-program-bytes": (8, "a program's graph is larger than the limit program_bytes"),
    "limit-program-depth": (8, "graphs stand inside one another too deeply"),
    "limit-program-elements": (8, "a constant, or what constants ask for, has more elements than program_elements"),
    "limit-program-nodes": (8, "a program's graph has more nodes than the limit program_nodes"),
    "limit-program-parts": (8, "a program's graph has more parts than the limit program_parts"),
    "limit-program-rank": (8, "a constant has more axes than the limit program_rank"),
    "limit-program-rounds": (8, "a loop inside a program's graph may go round more often than program_rounds"),
    "limit-program-targets": (8, "a node answers with more columns than the limit program_targets"),
    "limit-program-tensors": (8, "a program's graph has more constants than the limit program_tensors"),
    "limit-program-text-bytes": (8, "a name or text in a program's graph is longer than the limit program_text_bytes"),
    "limit-program-tree-depth": (8, "a decision tree is deeper than the limit program_tree_depth"),
    "limit-program-tree-nodes": (8, "an ensemble of trees has more nodes than the limit program_tree_nodes"),
    "program-attribute": (8, "an attribute of a node is unknown, of another type, or its value breaks a rule"),
    "program-external-data": (8, "a program's graph names data outside of itself"),
    "program-functions": (8, "a program's graph brings functions, training information, or graphs where none may be"),
    "program-interface": (8, "the inputs and outputs of a program's graph are not those of its plan"),
    "program-invalid": (8, "a program's graph is not an ONNX model in the one form a program has"),
    "program-operator": (8, "a node's operator is not of the closed list"),
    "program-opset": (8, "a domain or version of operators, or a version of ONNX, is not supported"),
    "program-order": (8, "a node reads a value that is not there before it, or two values have one name"),
    "program-tensor": (8, "a constant has a type that is not allowed, or its values do not fit its shape"),
    "program-trees": (8, "the arrays of an ensemble of trees do not make trees"),
}

ENVIRONMENT: Table = {
    "build-failed": (7, "these libraries cannot build the model"),
    "class-missing": (7, "the installed library has no such class"),
    "custom-missing": (7, "an allowed class or function cannot be imported"),
    "environment-invalid": (7, "env/pylock.toml is not TOML"),
    "library-missing": (7, "a library the model needs is not installed"),
}

CASES: Table = {
    "cases-answer": (9, "an answer of a recorded group breaks a rule"),
    "cases-cell": (9, "a recorded value cannot be read"),
    "cases-datatype": (9, "the datatype of a recorded tensor is unknown"),
    "cases-dtype": (9, "the dtype of a recorded column is unknown, or its tensor cannot carry it"),
    "cases-frame": (9, "a recorded frame cannot be built"),
    "cases-id": (9, "a recorded group does not carry the id of its member"),
    "cases-invalid": (9, "a recorded group is not JSON of the right shape"),
    "cases-layout": (9, "the layout of a recorded request or answer is unknown"),
    "cases-library": (9, "the recorded tables need a library that is not installed"),
    "cases-method": (9, "a recorded method is not valid"),
    "cases-missing": (9, "a bitmap of missing values has the wrong length or spelling"),
    "cases-not-canonical": (9, "a recorded group is not canonical JSON"),
    "cases-rows": (9, "rows of a recorded group do not agree"),
    "cases-shape": (9, "the columns of a recorded frame do not fit together"),
    "cases-size": (9, "bytes of a recorded tensor do not agree with its shape"),
    "cases-sparse": (9, "the tensors of a recorded sparse matrix do not fit together"),
    "cases-text": (9, "a recorded text is not UTF-8"),
    "cases-tolerance": (9, "a recorded tolerance is not valid"),
    "cases-too-large": (9, "a recorded group is larger than the limits allow"),
    "cases-value": (9, "a recorded boolean is neither 0 nor 1"),
    "replay-crashed": (9, "the process that replayed the cases ended by itself"),
    "replay-unavailable": (9, "no process could be started to replay the cases"),
    "verdict-broken": (9, "the model cannot be run on its cases"),
    "verdict-drifted": (9, "the model does not answer as recorded"),
    "verdict-equivalent": (9, "the verdict is equivalent, a better one was required"),
    "verdict-too-low": (9, "the verdict is worse than the policy requires"),
    "verdict-unchecked": (9, "no case was replayed, and a verdict was required"),
}

# Reasons of a verdict and codes of findings: no refusal.
REASONS: Table = {
    "cases-not-asked": (9, "the cases were not replayed because nobody asked for it"),
    "dtype-changed": (9, "an answer has another dtype than the recorded one"),
    "environment-changed": (7, "the environment differs from the recorded one"),
    "environment-unchanged": (7, "the cases were not replayed because the environment is the recorded one"),
    "label-flipped": (9, "a label is not the recorded one"),
    "no-cases": (9, "the artifact holds no recorded cases"),
    "replay-not-asked": (9, "the cases were not replayed because the caller said never"),
    "shape-changed": (9, "an answer has another shape than the recorded one"),
    "step-drifted": (9, "the output of an inner step is beyond its tolerance, although every answer is the same"),
    "value-drifted": (9, "a value differs from the recorded one by more than its tolerance"),
}

CALLS: Table = {
    "card-unreadable": (None, "the model card cannot be read"),
    "demo-failed": (None, "a step of the tour did not end as it should"),
    "id-invalid": (None, "not an id: 64 lower-case hex characters"),
    "id-mismatch": (None, "the folder has another id than the one that was demanded"),
    "input-columns": (None, "the columns of the rows to predict are not those of the model"),
    "input-empty": (None, "there are no rows to predict"),
    "input-encoding": (None, "the rows to predict are not UTF-8"),
    "input-form": (None, "the rows to predict are in a form that is not known"),
    "input-npy": (None, "the .npy file holds something else than a plain array"),
    "input-parquet": (None, "the Parquet file cannot be read"),
    "input-refused": (None, "the model refuses the rows to predict"),
    "input-row": (None, "a row to predict cannot be read"),
    "input-unreadable": (None, "the rows to predict cannot be read"),
    "input-value": (None, "a value of the rows to predict cannot be read as its column"),
    "memory-short": (None, "the memory for the artifact is not to be had"),
    "method-absent": (None, "the program has no form of this method; the original has it"),
    "method-unknown": (None, "the model has no such method"),
    "mmap-unsupported": (None, "files cannot be mapped on this system"),
    "output-form": (None, "the predictions cannot be written in this form"),
    "outside-domain": (None, "a row is outside the domain the program is certified for"),
    "policy-invalid": (None, "the policy has an unknown key or a value that is not valid"),
    "policy-unreadable": (None, "the policy file cannot be read"),
    "precision-unknown": (None, "not one of the precisions of a program"),
    "predict-answer": (None, "the model's answer cannot be written as a table"),
    "predict-layout": (None, "the model does not take a table"),
    "predict-no-cases": (None, "the artifact does not say what its inputs are"),
    "program-missing": (None, "the artifact holds no such program"),
    "replay-unknown": (None, "not one of the ways to replay"),
    "source-changed": (None, "the file changed while it was read"),
    "source-missing": (None, "there is no such file or folder"),
    "source-not-file": (None, "the source is not a regular file"),
    "source-not-folder": (None, "the source is not a folder"),
    "source-type": (None, "the source is not a path, bytes or a seekable binary file"),
    "source-unreadable": (None, "the source cannot be read"),
    "source-url": (None, "the source is an address; fetch it first"),
    "target-exists": (None, "the folder to write is there already"),
    "target-missing": (None, "it is not said where to write"),
    "target-not-file": (None, "the file to write is there and is not a regular file"),
    "target-type": (None, "the target is not a path of text"),
    "target-unsynced": (None, "the target is written whole, but the disk did not confirm its name"),
    "target-unwritable": (None, "the target cannot be written; nothing was changed"),
    "verdict-unknown": (None, "not one of the five verdicts"),
}

SAVE: Table = {
    "cases-name": (None, "a name of a column or answer cannot be written as JSON"),
    "dtype-refused": (None, "a dtype has no portable form"),
    "function-refused": (None, "a lambda, closure or bound method cannot be data"),
    "lock-credential": (None, "the lock holds a credential or a local address"),
    "lock-invalid": (None, "the lock is not a valid pylock.toml"),
    "lock-local-path": (None, "the lock names a local path"),
    "lock-mismatch": (None, "the lock and the installed packages differ"),
    "lock-unreadable": (None, "the lock cannot be read"),
    "mask-unknown": (None, "a column to mask is not in the sample"),
    "metadata-invalid": (None, "metadata or hyperparameters are not plain data"),
    "metric-invalid": (None, "a metric is not a finite number"),
    "name-not-importable": (None, "a class or function of the user's own cannot be found again by another process"),
    "not-fitted": (None, "the estimator is not fitted"),
    "program-drifted": (None, "no method of the program answers like the original; none was attached"),
    "program-impossible": (None, "no method of the model has a form as a program"),
    "program-no-cases": (None, "without recorded cases no program can be certified"),
    "rows-unknown": (None, "not one of the ways to keep rows"),
    "sample-empty": (None, "the sample has no rows"),
    "sample-unsupported": (None, "the sample is not of a kind that can be recorded"),
    "tensors-too-many": (None, "the model has more arrays than the format can name"),
    "type-refused": (None, "an object of this type cannot be data"),
    "value-not-json": (None, "a value cannot be written as JSON"),
}

SECTIONS: tuple[Table, ...] = (
    CONTAINER, MANIFEST, DIGESTS, POLICY, TENSORS, TREE, AUDIT, PROGRAMS, ENVIRONMENT, CASES, REASONS, CALLS, SAVE,
)  # fmt: skip
CODES: Table = {code: entry for section in SECTIONS for code, entry in section.items()}
