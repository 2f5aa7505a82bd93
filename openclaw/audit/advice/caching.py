"""Dimension 8, missing caching opportunities."""

from __future__ import annotations

from openclaw.audit.advice.model import Advice, Effect

ADVICE = {
    "config_each": Advice(
        ("Configuración leída cada vez: `{path}`", "Settings read each time: `{path}`"),
        (
            "cada uso abre y analiza el fichero: {before} con {agents} agentes × 20 usos, contra {after}",
            "each use opens and parses the file: {before} at {agents} agents × 20 uses, against {after}",
        ),
        ("Leerla una vez y volver a leerla si cambia su mtime", "Read it once, and again when its mtime changes"),
        ("un cambio se ve con la siguiente comprobación", "a change is seen at the next check"),
        "stamp = os.stat(path).st_mtime_ns\nif stamp != self._stamp:\n    self._data, self._stamp = load(path), stamp",
        Effect(20, 20, "open_read", after_key="stat"),
    ),
    "read_each": Advice(
        ("Fichero casi fijo leído cada vez: `{path}`", "A file that hardly changes, read each time: `{path}`"),
        (
            "{before} con {agents} agentes × 20 usos, contra {after}",
            "{before} at {agents} agents × 20 uses, against {after}",
        ),
        ("Guardarlo en memoria (`lru_cache` o mtime)", "Keep it in memory (`lru_cache`, or by mtime)"),
        ("ocupa memoria y un cambio pide recargar", "it takes memory, and a change asks for a reload"),
        "@functools.lru_cache(maxsize=32)\ndef template(path): ...",
        Effect(20, 1, "open_read"),
    ),
    "invariant": Advice(
        ("El mismo cálculo en cada vuelta: `{call}`", "The same computed in each turn: `{call}`"),
        (
            "sus argumentos no cambian: {before} con {agents} agentes × 20 vueltas, contra {after}",
            "its arguments do not change: {before} at {agents} agents × 20 turns, against {after}",
        ),
        ("Sacarlo del bucle o al módulo", "Move it out of the loop, or to the module"),
        ("el resultado vive mientras dura el bucle", "the result lives as long as the loop"),
        "value = {call}\nfor item in items: ...",
        Effect(20, 1, "json"),
    ),
    "recursion": Advice(
        ("`{name}` se llama a sí misma varias veces con lo mismo", "`{name}` calls itself several times with the same"),
        (
            "crece como 2ⁿ: con n = 20 son {before} con {agents} agentes, contra {after}",
            "grows as 2ⁿ: at n = 20 {before} with {agents} agents, against {after}",
        ),
        ("`functools.lru_cache(maxsize=…)`", "`functools.lru_cache(maxsize=…)`"),
        ("los argumentos tienen que ser hashables", "its arguments have to be hashable"),
        "@functools.lru_cache(maxsize=4096)\ndef {name}(*arguments): ...",
        Effect(1_048_576, 21, unit="calls"),
        bounded=False,
    ),
    "dns_each": Advice(
        ("Nombre resuelto en cada uso: `{call}`", "A name resolved for each use: `{call}`"),
        ("{before} con {agents} agentes, contra {after}", "{before} at {agents} agents, against {after}"),
        (
            "Guardar la dirección con caducidad, o una sesión con conexiones vivas",
            "Keep the address with a lifetime, or a session with living connections",
        ),
        ("un cambio de dirección tarda lo que dure la caché", "a changed address takes as long as the cache lasts"),
        "address = addresses.get(host)  # kept for 60 s",
        Effect(1, 0.02, "dns"),
    ),
    "no_pool": Advice(
        ("Sin reutilizar la conexión: `{call}`", "The connection is not used again: `{call}`"),
        (
            "cada `requests.{verb}` conecta de nuevo: {before} con {agents} agentes, contra {after}",
            "each `requests.{verb}` connects anew: {before} at {agents} agents, against {after}",
        ),
        ("Una `requests.Session` guardada", "One `requests.Session` that is kept"),
        ("hay que cerrarla al parar", "it has to be closed at the end"),
        "session = requests.Session()  # once, kept\n{fixed}",
        Effect(1, 1, "http_local", after_key="http_session"),
    ),
}
