"""Checking the arguments that a model gives against the schema that it was shown.

It knows what our schemas use of JSON Schema: type, enum, minimum, maximum, minLength, maxLength, maxItems, items,
properties, required; what is not among the properties is refused. A pure function; any thread.
"""

from __future__ import annotations

from typing import Any, Final

from agent_runner.tools.tool import ToolFailed

Schema = dict[str, Any]

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int, float),  # 5.0 is a whole number in JSON
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


def check(tool: str, arguments: object, schema: Schema) -> dict[str, Any]:
    """The arguments, without those that are null. Raises ToolFailed, which names what is wrong and what is taken.

    `schema` is the tool's input_schema.
    """
    if not isinstance(arguments, dict):
        raise ToolFailed(f"{tool} takes its arguments as an object")
    properties = schema.get("properties", {})
    given = {name: value for name, value in arguments.items() if value is not None}
    for name in given:
        if name not in properties:
            known = ", ".join(properties) or "no arguments"
            raise ToolFailed(f"{tool} has no argument {str(name)[:80]!r}; it takes {known}")
    for name in schema.get("required", ()):
        if name not in given:
            raise ToolFailed(f'{tool} needs "{name}": {_wanted(properties[name])}')
    return {name: _checked(f'"{name}"', value, properties[name]) for name, value in given.items()}


def _checked(name: str, value: Any, schema: Schema) -> Any:
    if not _fits(value, schema):
        raise ToolFailed(f"{name} takes {_wanted(schema)}, not {_shown(value)}")
    if isinstance(value, str) and not _is_utf8(value):
        raise ToolFailed(f"{name} has half of a surrogate pair (\\ud800 to \\udfff alone); leave it out")
    if schema["type"] == "array" and "items" in schema:
        return [_checked(f"{name}[{number}]", item, schema["items"]) for number, item in enumerate(value)]
    return int(value) if schema["type"] == "integer" else value


def _fits(value: Any, schema: Schema) -> bool:
    kind = schema["type"]
    if type(value) not in _TYPES[kind]:
        return False
    if kind in ("integer", "number"):
        whole = kind == "number" or value == value // 1  # not so for NaN and infinities
        return whole and bool(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if kind == "string":
        long_enough = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        return bool(long_enough and value in schema.get("enum", (value,)))
    return bool(kind != "array" or len(value) <= schema.get("maxItems", len(value)))


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wanted(schema: Schema) -> str:
    """What a value of this schema is, in words."""
    kind = schema["type"]
    if "enum" in schema:
        return "one of " + ", ".join(schema["enum"])
    if kind in ("integer", "number"):
        what = "a whole number" if kind == "integer" else "a number"
        low = f" from {schema['minimum']}" if "minimum" in schema else ""
        return what + low + (f" to {schema['maximum']}" if "maximum" in schema else "")
    if kind == "string":
        what = "a string" if not schema.get("minLength") else "a string that is not empty"
        return what + (f" of at most {schema['maxLength']} characters" if "maxLength" in schema else "")
    if kind == "array":
        return "a list" + (f" of at most {schema['maxItems']}" if "maxItems" in schema else "")
    return {"boolean": "true or false", "object": "an object"}[kind]


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"a string of {len(value)} characters" if len(value) > 80 else repr(value)
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else str(value).lower()[:80]
