"""Dimension 1, I/O blocking."""

from __future__ import annotations

from openclaw.audit.advice.model import STRUCTURAL, Advice, Effect

ADVICE = {
    "no_timeout": Advice(
        ("Llamada de red sin timeout: `{call}`", "Network call without a timeout: `{call}`"),
        (
            "un servidor que calla retiene el hilo para siempre; con {agents} agentes quedan {agents} hilos parados",
            "a server that keeps silent holds the thread for ever; at {agents} agents, {agents} threads stand still",
        ),
        ("Dar siempre límite de conexión y de lectura", "Always give a limit for connecting and for reading"),
        (
            "una respuesta legítima de más de 10 s pasa a ser un error que hay que tratar",
            "a legitimate answer that takes more than 10 s becomes an error to handle",
        ),
        "{fixed}",
        Effect(float("inf"), 10, unit="s"),
        bounded=False,
    ),
    "long_timeout": Advice(
        ("Timeout excesivo ({limit} s): `{call}`", "Excessive timeout ({limit} s): `{call}`"),
        (
            "{agents} agentes esperan hasta {limit} s cada uno por un servidor que no va a contestar",
            "{agents} agents wait up to {limit} s each for a server that will not answer",
        ),
        ("Bajar el límite y reintentar con espera creciente", "Lower the limit and retry with growing pauses"),
        ("más reintentos si el servidor es lento de verdad", "more retries where the server is truly slow"),
        "{fixed}",
        Effect(120, 30, unit="s"),
        bounded=False,
    ),
    "open_leak": Advice(
        ("Fichero abierto sin dueño que lo cierre: `{call}`", "File opened with nobody to close it: `{call}`"),
        (
            "cada llamada deja un descriptor hasta que pase el recolector: {before} con {agents} agentes, de 1024",
            "each call leaves a descriptor until the collector comes by: {before} at {agents} agents, of 1024",
        ),
        ("Abrir con `with`", "Open it in a `with`"),
        ("una línea más y un nivel de sangría", "one more line and one more level of indentation"),
        "with {call} as file:\n    ...",
        Effect(1, 0, unit="fd"),
        bounded=False,
    ),
    "handler_sleep": Advice(
        ("Pausa dentro de un manejador de peticiones: `{call}`", "A pause in a request handler: `{call}`"),
        (
            "retiene un hilo por petición; {agents} peticiones retienen {agents} hilos ({before} en total)",
            "holds one thread per request; {agents} requests hold {agents} threads ({before} in all)",
        ),
        ("Contestar ya y dejar la espera a un temporizador", "Answer at once and leave the wait to a timer"),
        ("quien llama tiene que volver a preguntar o recibir un aviso", "the caller has to ask again, or be told"),
        "self.server.timers.call_later(delay, job)  # answer 202 now",
        Effect(500, 1),
        STRUCTURAL,
    ),
    "handler_file": Advice(
        ("El mismo fichero en cada petición: `{call}`", "The same file for every request: `{call}`"),
        (
            "{before} de disco por ronda de {agents} peticiones, todas sobre un fichero, contra {after}",
            "{before} of disk for a round of {agents} requests, all on one file, against {after}",
        ),
        (
            "Tener el estado en memoria y escribirlo un solo hilo, por lotes",
            "Keep the state in memory, and one thread writes it, in batches",
        ),
        ("lo aún no escrito se pierde si el proceso cae", "what is not yet written is lost where the process dies"),
        "self.server.journal.put(record)  # a thread drains the queue and writes once",
        Effect(1, 0.02, "write"),
        STRUCTURAL,
    ),
    "async_block": Advice(
        ("Espera bloqueante en una corrutina: `{call}`", "A blocking wait in a coroutine: `{call}`"),
        (
            "para el bucle de eventos entero: {before} de los demás con {agents} agentes, contra {after}",
            "stops the whole event loop: {before} of all others at {agents} agents, against {after}",
        ),
        ("Hacerlo en un hilo de un grupo", "Do it on a thread of a pool"),
        ("un hilo por espera; los errores llegan por el futuro", "a thread for each wait; errors come by the future"),
        "await loop.run_in_executor(pool, lambda: {call})",
        Effect(50, 0.1),
        bounded=False,
    ),
    "handler_wait": Advice(
        ("El manejador espera a otro servicio: `{call}`", "The handler waits for another service: `{call}`"),
        (
            "{before} de espera para {agents} peticiones, en los hilos que deberían aceptar otras",
            "{before} of waiting for {agents} requests, on the threads that should accept others",
        ),
        ("Aceptar con 202 y hacer la llamada en un grupo de hilos", "Accept with 202 and call from a pool"),
        ("la respuesta llega después, por otra vía", "the answer comes later, by another way"),
        "self.server.pool.submit(forward, task)\nself.send_response(202)",
        Effect(1, 0.01, "http"),
        STRUCTURAL,
    ),
}
