"""Dimension 2, unnecessary synchronous operations."""

from __future__ import annotations

from openclaw.audit.advice.model import STRUCTURAL, Advice, Effect

ADVICE = {
    "no_session": Advice(
        ("Una conexión nueva por petición: `{call}`", "A new connection for each request: `{call}`"),
        (
            "cada `requests.{verb}` abre y cierra su conexión: {before} en vez de {after} para 20 "
            "peticiones × {agents} agentes",
            "each `requests.{verb}` opens and closes its own: {before} instead of {after} for 20 "
            "requests × {agents} agents",
        ),
        ("Una `requests.Session` compartida, con pool", "One shared `requests.Session`, with its pool"),
        ("la sesión guarda cookies y conexiones: una por hilo o protegida", "a session keeps cookies and connections"),
        'session = requests.Session()\nsession.mount("http://", HTTPAdapter(pool_maxsize=32))\n{fixed}',
        Effect(20, 20, "http_local", after_key="http_session"),
    ),
    "start_join": Advice(
        ("Hilo que se arranca y se espera en seguida: `{name}`", "A thread started and at once waited for: `{name}`"),
        (
            "paga {before} de crear hilos para {agents} agentes y no hace nada en paralelo",
            "pays {before} to create threads for {agents} agents and runs nothing side by side",
        ),
        ("Llamar a la función, o no esperar aquí", "Call the function, or do not wait here"),
        (
            "sin `join`, los errores hay que recogerlos de otro modo",
            "without the join, errors must be collected elsewhere",
        ),
        "pool.submit(work, item).add_done_callback(log_failure)",
        Effect(1, 0, "thread"),
    ),
    "submit_result": Advice(
        ("`submit` y `result` seguidos: `{name}`", "`submit` and at once `result`: `{name}`"),
        (
            "el hilo que pide espera igual: {before} de relevo para {agents} agentes sin paralelismo",
            "the asking thread waits all the same: {before} of handing over for {agents} agents, nothing side by side",
        ),
        ("Lanzar todo primero y recoger después", "Submit everything first, collect afterwards"),
        (
            "los resultados llegan en otro orden si no se guardan los futuros",
            "results come in another order unless futures are kept",
        ),
        "futures = [pool.submit(work, item) for item in items]\nresults = "
        "[future.result(timeout=30) for future in futures]",
        Effect(1, 0, "thread"),
    ),
    "unawaited_notice": Advice(
        (
            "Aviso cuyo resultado nadie usa, en el manejador: `{call}`",
            "A notice whose result nobody uses, in a handler: `{call}`",
        ),
        (
            "cada petición espera un viaje de red que no cambia la respuesta: {before} para {agents} agentes",
            "each request waits for a round trip that does not change its answer: {before} for {agents} agents",
        ),
        ("Ponerlo en una cola acotada que vacía un hilo", "Put it into a bounded queue that one thread empties"),
        ("un aviso puede perderse si el proceso muere", "a notice may be lost where the process dies"),
        "notices.put_nowait(event)  # queue.Queue(maxsize=1000), one sender thread",
        Effect(1, 0, "http_local"),
        STRUCTURAL,
    ),
    "round_trip": Advice(
        ("Serializar y volver a leer lo mismo: `{call}`", "Written out and read back: `{call}`"),
        (
            "{before} de JSON para {agents} agentes y 20 copias, contra {after} con una copia directa",
            "{before} of JSON for {agents} agents and 20 copies, against {after} by a plain copy",
        ),
        ("Copiar la estructura, o compartirla sin cambiarla", "Copy the structure, or share it unchanged"),
        ("`copy.deepcopy` conserva tipos que JSON convertía", "`copy.deepcopy` keeps types that JSON converted"),
        "result = {{**base, **override}}  # or copy.deepcopy(base)",
        Effect(40, 4, "json"),
    ),
    "dumped_twice": Advice(
        ("El mismo objeto serializado dos veces: `{call}`", "The same object serialised twice: `{call}`"),
        (
            "{before} de JSON para {agents} agentes, contra {after}",
            "{before} of JSON for {agents} agents, against {after}",
        ),
        ("Guardar el texto y usarlo dos veces", "Keep the text and use it twice"),
        ("el texto queda en memoria entre los dos usos", "the text stays in memory between the two uses"),
        "text = json.dumps(value)",
        Effect(2, 1, "json"),
    ),
    "reopened": Advice(
        (
            "Un fichero abierto y escrito por cada elemento: `{call}`",
            "A file opened and written for each item: `{call}`",
        ),
        (
            "20 elementos × {agents} agentes son {before} de abrir y cerrar, contra {after} de una vez",
            "20 items × {agents} agents are {before} of opening and closing, against {after} at once",
        ),
        ("Escribir el lote con un solo `open`", "Write the batch with one `open`"),
        (
            "si el proceso muere a medias se pierde el lote entero",
            "where the process dies half way the whole batch is lost",
        ),
        'with open(path, "a", encoding="utf-8") as file:\n    file.writelines(f"{{line}}\\n" for line in lines)',
        Effect(20, 1, "write"),
    ),
}
