"""Dimension 7, non-scalable design patterns."""

from __future__ import annotations

from openclaw.audit.advice.model import STRUCTURAL, Advice, Effect

ADVICE = {
    "single_server": Advice(
        ("Servidor HTTP de un solo hilo: `{call}`", "HTTP server with one thread: `{call}`"),
        (
            "atiende de una en una: la última de {agents} peticiones de 50 ms espera {before}, contra {after}",
            "serves one by one: the last of {agents} requests of 50 ms waits {before}, against {after}",
        ),
        ("`ThreadingHTTPServer`", "`ThreadingHTTPServer`"),
        (
            "el estado compartido necesita un cerrojo; un hilo por conexión",
            "shared state needs a lock; a thread per connection",
        ),
        "server = {fixed}\nserver.daemon_threads = True",
        Effect(50, 0.5, unit="ms"),
        bounded=False,
    ),
    "lock_io": Advice(
        ("Entrada/salida con el cerrojo `{lock}` tomado: `{call}`", "I/O while the lock `{lock}` is held: `{call}`"),
        (
            "los demás esperan en fila: {before} con {agents} agentes, contra {after}",
            "the others wait in line: {before} at {agents} agents, against {after}",
        ),
        ("Copiar bajo el cerrojo, escribir fuera", "Copy under the lock, write outside"),
        ("el orden de las escrituras hay que asegurarlo aparte", "the order of writes has to be kept by other means"),
        "with self._lock:\n    snapshot = dict(self._state)\nwrite(snapshot)  # outside",
        Effect(1, 0.01, "write"),
        STRUCTURAL,
        bounded=False,
    ),
    "file_lock": Advice(
        (
            "Entrada/salida con el fichero `{lock}` bloqueado: `{call}`",
            "I/O while the file `{lock}` is locked: `{call}`",
        ),
        (
            "todos los procesos esperan en fila: {before} con {agents} agentes, contra {after}",
            "all processes wait in line: {before} at {agents} agents, against {after}",
        ),
        ("Un fichero por agente, o publicar con `os.replace`", "One file an agent, or publish with `os.replace`"),
        ("hay que juntar los ficheros al leer", "the files have to be joined when they are read"),
        "os.replace(hidden, final)  # atomic: readers need no lock",
        Effect(2, 0.02, "write"),
        STRUCTURAL,
        bounded=False,
    ),
    "unlocked": Advice(
        ("Estado compartido cambiado sin cerrojo: `{code}`", "Shared state changed without a lock: `{code}`"),
        (
            "leer y escribir no es atómico: con {agents} hilos se pierden cambios ({before} en duda por vuelta)",
            "reading and writing is not atomic: with {agents} threads changes are lost ({before} in doubt a round)",
        ),
        ("Un cerrojo alrededor, o un contador por hilo", "A lock around it, or a counter per thread"),
        ("unos 0,1 µs por cambio", "some 0.1 µs for each change"),
        "with _lock:\n    {code}",
        Effect(1, 0, unit="changes"),
        bounded=False,
    ),
    "linear_scan": Advice(
        ("Búsqueda lineal en `{name}`", "`{name}` is gone through for one item"),
        (
            "con 1000 elementos, {before} para {agents} agentes, contra {after}",
            "with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("Un diccionario por clave", "A dict by key"),
        ("hay que mantener el índice al añadir y quitar", "the index has to be kept when items come and go"),
        "self._by_id[item.id] = item  # beside the list\nreturn self._by_id.get(key)",
        Effect(500, 1, unit="comparisons"),
        bounded=False,
    ),
    "file_scan": Advice(
        ("Fichero recorrido entero por una clave: `{name}`", "A file gone through for one key: `{name}`"),
        (
            "con 10 000 líneas son {before} leídas para {agents} agentes, contra {after}",
            "with 10,000 lines {before} are read for {agents} agents, against {after}",
        ),
        ("Un índice en memoria hecho al arrancar", "An index in memory, made at start"),
        ("memoria por clave y reconstrucción al arrancar", "memory for each key, and a rebuild at start"),
        'index = {{row["id"]: row for row in rows(path)}}  # once; append to both later',
        Effect(10_000, 1, unit="lines"),
        STRUCTURAL,
        bounded=False,
    ),
    "scan_per_item": Advice(
        (
            "`{name}` recorre todo, y se llama por elemento: `{call}`",
            "`{name}` goes through everything, and is called per item: `{call}`",
        ),
        (
            "20 elementos × 1000 son {before} para {agents} agentes, contra {after}",
            "20 items × 1000 are {before} for {agents} agents, against {after}",
        ),
        ("Recorrer una vez y responder de un diccionario", "Go through it once and answer from a dict"),
        ("memoria para el diccionario mientras dura", "memory for the dict while it lasts"),
        "by_key = {{item.key: item for item in everything}}\nresults = [by_key.get(key) for key in keys]",
        Effect(20_000, 1020, unit="comparisons"),
        bounded=False,
    ),
    "nested_loops": Advice(
        ("Dos bucles sobre `{name}`, uno dentro de otro", "Two loops over `{name}`, one in the other"),
        (
            "con 1000 elementos son {before} para {agents} agentes, contra {after}",
            "with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("Agrupar por clave con un diccionario", "Group by key in a dict"),
        ("la clave de igualdad tiene que ser hashable", "the key has to be hashable"),
        "groups = defaultdict(list)\nfor item in items:\n    groups[item.key].append(item)",
        Effect(1_000_000, 1000, unit="turns"),
        bounded=False,
    ),
    "list_membership": Advice(
        ("`in {name}` sobre una lista, en un bucle", "`in {name}` of a list, in a loop"),
        (
            "con 1000 elementos son {before} para {agents} agentes, contra {after}",
            "with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("Un `set` al lado", "A `set` beside it"),
        ("los elementos tienen que ser hashables", "the items have to be hashable"),
        "seen = set()\nif item not in seen:\n    seen.add(item)",
        Effect(500_000, 1000, unit="comparisons"),
        bounded=False,
    ),
    "sorted_in_loop": Advice(
        ("Ordenar `{name}` en cada vuelta", "`{name}` sorted in each turn"),
        (
            "con 1000 elementos son {before} para {agents} agentes, contra {after}",
            "with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("Ordenar al final, o `heapq`/`bisect.insort`", "Sort at the end, or `heapq`/`bisect.insort`"),
        ("entre tanto la lista no está ordenada", "meanwhile the list is not in order"),
        "best = heapq.nlargest(10, items)",
        Effect(5_000_000, 10_000, unit="comparisons"),
        bounded=False,
    ),
    "sorted_each": Advice(
        ("`{name}` ordenada entera tras cada alta", "All of `{name}` sorted after each addition"),
        (
            "con 1000 elementos son {before} para {agents} agentes, contra {after}",
            "with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("`heapq.heappush` o `bisect.insort`", "`heapq.heappush` or `bisect.insort`"),
        ("el montículo solo da el primero en orden", "a heap gives only the first one in order"),
        "heapq.heappush({name}, item)  # heapq.heappop({name}) gives the first",
        Effect(1000, 10, unit="comparisons"),
        bounded=False,
    ),
    "list_search": Advice(
        ("`in` sobre una lista que crece: `{test}`", "`in` of a list that grows: `{test}`"),
        (
            "con 1000 elementos son {before} para {agents} agentes, contra {after}",
            "with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("Un conjunto junto a la lista, o en su lugar", "A set beside the list, or in its place"),
        ("los elementos tienen que ser hashables", "the items have to be hashable"),
        "self._known = set()  # kept beside the list\nif item not in self._known: ...",
        Effect(1000, 1, unit="comparisons"),
        bounded=False,
    ),
    "sum_of_lists": Advice(
        ("Listas sumadas una a una: `{call}`", "Lists added up one by one: `{call}`"),
        (
            "copia lo acumulado cada vez: con 1000 elementos son {before} para {agents} agentes, contra {after}",
            "copies what there is each time: with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("`itertools.chain.from_iterable`", "`itertools.chain.from_iterable`"),
        ("da un iterador: se recorre una sola vez", "it gives an iterator, to be gone through once"),
        "items = list(itertools.chain.from_iterable(lists))",
        Effect(500_000, 1000, unit="moves"),
        bounded=False,
    ),
    "list_shift": Advice(
        ("Operación O(n) de lista en un bucle: `{call}`", "A list operation of O(n) in a loop: `{call}`"),
        (
            "con 1000 elementos son {before} para {agents} agentes, contra {after}",
            "with 1000 items {before} for {agents} agents, against {after}",
        ),
        ("`collections.deque`, o un `dict`/`set`", "A `collections.deque`, or a `dict`/`set`"),
        ("un `deque` no da acceso rápido por índice", "a `deque` has no fast access by index"),
        "waiting = collections.deque(items)\nwaiting.popleft()",
        Effect(500_000, 1000, unit="moves"),
        bounded=False,
    ),
    "rewritten": Advice(
        (
            "Fichero compartido leído, cambiado y reescrito: `{path}`",
            "A shared file read, changed and written back: `{path}`",
        ),
        (
            "cada cambio cuesta {before} con {agents} agentes y pisa los de otros, contra {after}",
            "each change costs {before} at {agents} agents and overwrites others', against {after}",
        ),
        ("Un fichero por clave, o un dueño que escribe", "One file a key, or one owner who writes"),
        ("más ficheros pequeños", "more small files"),
        'publish(os.path.join(folder, f"{{key}}.json"), value)  # hidden, then os.replace',
        Effect(2, 1, "write"),
        STRUCTURAL,
        bounded=False,
    ),
    "session_each": Advice(
        ("Conexión creada en cada llamada: `{call}`", "A connection made for each call: `{call}`"),
        (
            "cada una gasta un puerto local 60 s (TIME_WAIT) y {before} con {agents} agentes, contra {after}",
            "each takes a local port for 60 s (TIME_WAIT) and {before} at {agents} agents, against {after}",
        ),
        ("Una sesión por hilo o por objeto", "One session for a thread or an object"),
        ("hay que cerrarla al parar", "it has to be closed at the end"),
        "self._session = requests.Session()  # in __init__; close() closes it",
        Effect(1, 1, "http_local", after_key="http_session"),
        bounded=False,
    ),
    "connection_close": Advice(
        ("Cierra la conexión tras cada petición: `{call}`", "Ends the connection after each request: `{call}`"),
        (
            "cada petición paga otra conexión: {before} con {agents} agentes, contra {after}",
            "each request pays for another connection: {before} at {agents} agents, against {after}",
        ),
        ("Quitar la cabecera y usar HTTP/1.1", "Drop the header and speak HTTP/1.1"),
        ("las conexiones abiertas necesitan un límite de inactividad", "open connections need an idle limit"),
        'protocol_version = "HTTP/1.1"  # with Content-Length',
        Effect(1, 1, "http_local", after_key="http_session"),
        bounded=False,
    ),
    "thread_each": Advice(
        ("Un hilo por elemento, sin límite: `{call}`", "A thread for each item, without a limit: `{call}`"),
        (
            "20 elementos × {agents} agentes son {before}, contra {after} en un grupo",
            "20 items × {agents} agents are {before}, against {after} in a pool",
        ),
        ("`ThreadPoolExecutor` con `max_workers`", "A `ThreadPoolExecutor` with `max_workers`"),
        ("lo que no cabe espera su turno", "what does not fit waits for its turn"),
        "pool = ThreadPoolExecutor(max_workers=16)\npool.submit(work, item)",
        Effect(20, 0.16, unit="threads"),
        bounded=False,
    ),
    "pool_each": Advice(
        ("Un grupo de hilos por llamada: `{call}`", "A pool for each call: `{call}`"),
        (
            "8 hilos por llamada son {before} de creación con {agents} agentes, contra {after}",
            "8 threads a call are {before} of creating at {agents} agents, against {after}",
        ),
        ("Un grupo para el proceso", "One pool for the process"),
        ("hay que cerrarlo al parar", "it has to be shut down at the end"),
        "POOL = ThreadPoolExecutor(max_workers=16)  # once",
        Effect(8, 0, "thread"),
    ),
}
