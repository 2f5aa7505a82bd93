"""What the audit knows of a project: modules, classes, functions, and in them loops and calls.

Filled by `scan` and `link` on one thread, read by the dimensions. Syntax trees are let go of when their file has been
read; what stays is a few hundred bytes a line of code that does something.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field

# How a call's result is used, as far as rules ask.
USE_DROPPED = "dropped"
USE_WITH = "with"
USE_RETURNED = "returned"
USE_ASSIGNED = "assigned"
USE_ARGUMENT = "argument"
USE_CHAINED = "chained"
USE_ITERATED = "iterated"
USE_TESTED = "tested"
USE_OTHER = "other"

# Where a call stands (bits of Call.place).
IN_EXCEPT = 1
IN_FINALLY = 2
IN_GUARD = 4
"""Under a test for absence (`is None`, `not in`, `not x`): the branch that fills a cache."""
IN_LAMBDA = 8
IN_IF = 16
IN_TRY = 32
IN_HEADER = 64
"""In a loop's own test or iterable."""
LEAVING = 128
"""In a branch that ends by leaving the loop: done once, whatever the loop's length."""
AS_ATTRIBUTE = 256
"""No call as it is written, but what may be a property."""

# How often and by whom a function is run (bits of Function.heat).
HANDLER = 1
"""For each request of a server."""
CONCURRENT = 2
"""On a thread of its own, beside others."""
CYCLE = 4
"""In each turn of a loop without end."""
ITEM = 8
"""For each item of a loop, or of submitted work."""
ENTRY = 16
"""Nothing here calls it, and its name or its parameters say that it is called for each event or record."""
REPEATED = HANDLER | CYCLE | ITEM


@dataclass(slots=True, eq=False)
class Loop:
    """A `for`, a `while`, or a comprehension's generator. `node` is dropped after the file's own rules ran."""

    kind: str
    line: int
    parent: Loop | None
    function: Function
    node: ast.AST | None
    iterable: ast.expr | None = None
    test: ast.expr | None = None
    endless: bool = False
    deadline: bool = False
    targets: frozenset[str] = frozenset()
    assigned: dict[str, int] = field(default_factory=dict)
    leaves: int = 0
    """How many `break` and `return` end it early."""
    end: int = 0

    def chain(self) -> list[Loop]:
        """This loop and those around it, innermost first."""
        found, loop = [], self
        while True:
            found.append(loop)
            if loop.parent is None:
                return found
            loop = loop.parent

    def within_endless(self) -> bool:
        return any(loop.endless for loop in self.chain())


@dataclass(slots=True, eq=False)
class Lock:
    """A stretch under a lock. `kind` is `thread` or `file`."""

    name: str
    kind: str
    line: int
    end: int = 0


@dataclass(slots=True, eq=False)
class Call:
    """One call. `name` is dotted and resolved as far as its file tells; `?.attr` for a method of something unknown."""

    function: Function
    line: int
    name: str
    node: ast.Call | None
    use: str
    target: str
    loop: Loop | None
    lock: Lock | None
    place: int
    effects: int = 0
    awaited: bool = False
    receiver: str = ""
    """The text of what the method is called on, where that is a plain name or attribute."""

    method: str = field(init=False)
    """The last part of the name."""

    def __post_init__(self) -> None:
        self.method = sys.intern(self.name.rpartition(".")[2])


@dataclass(slots=True, eq=False)
class Store:
    """Something added to a container: `append`, `x[key] = …`, `+=`. `owner` is `self.name`, `Class.name` or a name."""

    function: Function
    line: int
    owner: str
    how: str
    value: ast.expr | None
    key: ast.expr | None
    loop: Loop | None
    place: int


@dataclass(slots=True, eq=False)
class Hint:
    """What a file's own rule saw and the whole project decides: a rule's key, with what its text needs."""

    rule: str
    line: int
    function: Function
    loop: Loop | None
    facts: dict[str, str]
    level: int = 0


@dataclass(slots=True, eq=False)
class Function:
    """A function, a method, or a module's own statements (`<module>`)."""

    module: Module
    name: str
    qualname: str
    line: int
    owner: Class | None = None
    outer: Function | None = None
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Module | None = None
    params: tuple[str, ...] = ()
    defaults: dict[str, ast.expr] = field(default_factory=dict)
    decorators: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    values: dict[str, ast.expr | None] = field(default_factory=dict)
    """Local names that are assigned once, with what; None for those assigned more often."""
    calls: list[Call] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    stores: list[Store] = field(default_factory=list)
    locks: list[Lock] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    handed: set[str] = field(default_factory=set)
    """Containers of self that are handed to other functions of the project, which may see to their size."""
    compared: set[str] = field(default_factory=set)
    """Names that stand in a comparison of sizes."""
    asynchronous: bool = False
    """An `async def`: what waits in it holds up all others of its event loop."""
    uses_mtime: bool = False
    yields: bool = False
    own: int = 0
    """Effects of its own statements."""
    effects: int = 0
    """Effects, callees included."""
    cost: float = 0.0
    """Milliseconds of one run, loops counted as ITEMS items."""
    heat: int = 0
    heated_by: str = ""
    end: int = 0

    @property
    def cached(self) -> bool:
        return any("cache" in name for name in self.decorators)

    @property
    def dotted(self) -> str:
        return f"{self.module.name}.{self.qualname}"


@dataclass(slots=True, eq=False)
class Class:
    module: Module
    name: str
    line: int
    bases: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    """Type of each attribute that is assigned in the class or through self."""
    values: dict[str, ast.expr | None] = field(default_factory=dict)
    methods: dict[str, Function] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    """Attributes of the class itself, not of its instances."""
    evicted: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    properties: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Module:
    path: str
    name: str
    package: str
    lines: int = 0
    imports: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    values: dict[str, ast.expr | None] = field(default_factory=dict)
    returns: dict[str, str] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    functions: list[Function] = field(default_factory=list)
    by_name: dict[str, Function] = field(default_factory=dict)
    methods: set[str] = field(default_factory=set)
    """Names of all methods in it."""
    evicted: set[str] = field(default_factory=set)
    default_timeout: bool = False
    session_timeout: bool = False
    """A method of a session was replaced by one with a time limit of its own."""
    silenced: dict[int, dict[str, str]] = field(default_factory=dict)
    """Line → point (or "*") → reason."""
