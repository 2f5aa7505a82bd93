"""Dimension 6, memory consumption."""

from __future__ import annotations

from openclaw.audit.advice.model import STRUCTURAL, Advice, Effect

ADVICE = {
    "whole_file": Advice(
        ("Fichero leído entero: `{call}`", "A file read whole: `{call}`"),
        (
            "con 10 MB por fichero son {before} con {agents} agentes a la vez, contra {after} por bloques",
            "at 10 MB a file {before} with {agents} agents at once, against {after} by blocks",
        ),
        ("Leer por líneas o bloques", "Read it by lines or blocks"),
        ("el código no puede volver atrás en lo leído", "the code cannot go back in what it has read"),
        'with open(path, "rb") as file:\n    while block := file.read(1 << 20):\n        total.update(block)',
        Effect(10, 1, unit="MB"),
        bounded=False,
    ),
    "whole_files": Advice(
        ("El contenido de todos los ficheros a la vez: `{call}`", "The contents of all files at once: `{call}`"),
        (
            "20 ficheros de 10 MB son {before} con {agents} agentes, contra {after} de uno en uno",
            "20 files of 10 MB are {before} at {agents} agents, against {after} one by one",
        ),
        ("Un generador que entrega uno cada vez", "A generator that yields one at a time"),
        ("quien los usa no puede recorrerlos dos veces", "they cannot be gone through twice"),
        "def contents(paths):\n    for path in paths:\n"
        '        with open(path, "rb") as file:\n            yield file.read()',
        Effect(200, 10, unit="MB"),
        bounded=False,
    ),
    "whole_body": Advice(
        ("Cuerpo de la petición sin límite: `{call}`", "A request's body without a limit: `{call}`"),
        (
            "quien llama decide la memoria: con 10 MB cada una, {before} con {agents} peticiones, contra {after}",
            "the caller decides on the memory: at 10 MB each {before} with {agents} requests, against {after}",
        ),
        ("Rechazar con 413 por encima de un máximo", "Refuse with 413 above a maximum"),
        ("los envíos grandes necesitan otra vía", "large uploads need another way"),
        "if length > MAX_BODY:\n    self.send_error(413)\n    return",
        Effect(10, 1, unit="MB"),
        bounded=False,
    ),
    "whole_download": Advice(
        ("Descarga entera en memoria: `{call}`", "A download held whole in memory: `{call}`"),
        (
            "con 10 MB cada una son {before} con {agents} agentes, contra {after} en bloques",
            "at 10 MB each {before} with {agents} agents, against {after} in blocks",
        ),
        ("`stream=True` y escribir por bloques", "`stream=True`, written in blocks"),
        ("la conexión queda ocupada hasta el final", "the connection is held until the end"),
        "with session.get(url, stream=True, timeout=(3, 10)) as reply:\n    "
        "shutil.copyfileobj(reply.raw, file, 1 << 20)",
        Effect(10, 1, unit="MB"),
        bounded=False,
    ),
    "growth": Advice(
        ("`{name}` solo crece", "`{name}` only grows"),
        (
            "1 KB por evento y un evento por segundo son {before} al día con {agents} agentes",
            "1 KB an event and one event a second are {before} a day at {agents} agents",
        ),
        (
            "Acotarlo: `deque(maxlen)`, LRU o borrar lo acabado",
            "Bound it: `deque(maxlen)`, an LRU, or drop what is over",
        ),
        ("lo más antiguo deja de estar", "the oldest is no longer there"),
        "self.recent = collections.deque(maxlen=1000)\nwhile len(self.by_id) > LIMIT:\n    "
        "self.by_id.popitem(last=False)  # OrderedDict",
        Effect(84.4, 1, unit="MB"),
        bounded=False,
    ),
    "registry": Advice(
        ("`{name}` retiene objetos para siempre", "`{name}` keeps objects alive for ever"),
        (
            "nadie los quita: a 100 KB por objeto y 100 objetos al día, {before} al día con {agents} agentes",
            "nobody takes them out: at 100 KB an object and 100 a day, {before} a day at {agents} agents",
        ),
        ("`weakref.WeakSet`, o quitarlos al acabar", "A `weakref.WeakSet`, or take them out at the end"),
        (
            "con referencias débiles alguien más tiene que ser su dueño",
            "with weak references somebody else must own them",
        ),
        "registry: weakref.WeakSet[Agent] = weakref.WeakSet()",
        Effect(10, 0.1, unit="MB"),
        bounded=False,
    ),
    "queue_unbounded": Advice(
        ("Cola sin límite: `{call}`", "A queue without a bound: `{call}`"),
        (
            "si el consumidor se para, 1 KB × 10 000 entradas son {before} con {agents} agentes",
            "where its consumer stands still, 1 KB × 10,000 entries are {before} at {agents} agents",
        ),
        ("`maxsize` y contestar 429 al llenarse", "A `maxsize`, and 429 when it is full"),
        ("quien produce tiene que tratar la cola llena", "the producer has to handle a full queue"),
        "jobs: queue.Queue[Job] = queue.Queue(maxsize=1000)",
        Effect(9.8, 1, unit="MB"),
        bounded=False,
    ),
    "concat": Advice(
        ("`{name} +=` de {kind} en un bucle", "`{name} +=` of {kind} in a loop"),
        (
            "copia lo acumulado en cada vuelta: con 1000 trozos de 1 KB, {before} copiados con "
            "{agents} agentes, contra {after}",
            "copies what there is in each turn: with 1000 pieces of 1 KB, {before} copied at {agents} "
            "agents, against {after}",
        ),
        ("Juntar en una lista y `join`", "Collect in a list and `join`"),
        ("los trozos y el resultado coexisten un momento", "pieces and result exist side by side for a moment"),
        'parts = []\nfor item in items:\n    parts.append(render(item))\ntext = "".join(parts)',
        Effect(488, 1, unit="MB"),
        bounded=False,
    ),
    "list_concat": Advice(
        ("`{name} = {name} + [...]` en un bucle", "`{name} = {name} + [...]` in a loop"),
        (
            "copia la lista en cada vuelta: con 1000 elementos, {before} copiados con {agents} agentes, contra {after}",
            "copies the list in each turn: with 1000 items {before} copied at {agents} agents, against {after}",
        ),
        ("`append` o `extend`", "`append` or `extend`"),
        ("la lista original cambia: cuidado si es compartida", "the list itself changes: mind whether it is shared"),
        "{name}.append(item)",
        Effect(4, 0.01, unit="MB"),
        bounded=False,
    ),
    "list_for_nothing": Advice(
        ("Lista intermedia innecesaria: `{call}`", "A list that is not needed: `{call}`"),
        (
            "con 1000 elementos son {before} con {agents} agentes, contra {after}",
            "with 1000 items {before} at {agents} agents, against {after}",
        ),
        ("Expresión generadora", "A generator expression"),
        ("se recorre una sola vez", "it can be gone through only once"),
        "total = sum(size(item) for item in items)",
        Effect(0.01, 0, unit="MB"),
        bounded=False,
    ),
    "weight": Advice(
        ("Búfer grande por objeto: `{call}`", "A large buffer in each object: `{call}`"),
        (
            "cada agente tiene el suyo: {before} con {agents} agentes, contra {after}",
            "each agent has its own: {before} at {agents} agents, against {after}",
        ),
        ("Compartirlo, crearlo cuando haga falta o usar `array`", "Share it, make it when needed, or use `array`"),
        ("lo compartido no se puede modificar", "what is shared may not be changed"),
        "_TABLE = load_table()  # once for the process\nself.table = _TABLE",
        Effect(64, 0.64, unit="MB"),
        STRUCTURAL,
        bounded=False,
    ),
    "method_cache": Advice(
        ("`{decorator}` en un método retiene su objeto", "`{decorator}` on a method keeps its object alive"),
        (
            "la caché guarda `self`: a 100 KB por objeto y 100 objetos, {before} con {agents} agentes",
            "the cache holds `self`: at 100 KB an object and 100 objects, {before} at {agents} agents",
        ),
        (
            "`cached_property`, o caché en una función del módulo",
            "`cached_property`, or a cache on a function of the module",
        ),
        ("cada objeto tiene su propia caché", "each object has a cache of its own"),
        "@functools.cached_property\ndef score(self): ...",
        Effect(10, 0.1, unit="MB"),
        bounded=False,
    ),
    "endless_cache": Advice(
        ("Caché sin límite: `{decorator}`", "A cache without a bound: `{decorator}`"),
        (
            "una entrada por argumento distinto: 1 KB × 10 000 son {before} con {agents} agentes",
            "one entry for each argument: 1 KB × 10,000 are {before} at {agents} agents",
        ),
        ("Dar `maxsize`", "Give it a `maxsize`"),
        ("lo que no cabe se vuelve a calcular", "what does not fit is computed again"),
        "@functools.lru_cache(maxsize=1024)\ndef {function}(argument): ...",
        Effect(9.8, 1, unit="MB"),
        bounded=False,
    ),
}
