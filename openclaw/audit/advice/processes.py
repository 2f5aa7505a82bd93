"""Dimension 5, expensive subprocesses."""

from __future__ import annotations

from openclaw.audit.advice.model import ADVANCED, STRUCTURAL, Advice, Effect

ADVICE = {
    "process_stdlib": Advice(
        (
            "Proceso `{command}` que la biblioteca estándar hace: `{call}`",
            "Process `{command}` for what the standard library does: `{call}`",
        ),
        (
            "fork+exec cuesta {before} con {agents} agentes; la función, {after}",
            "fork+exec costs {before} at {agents} agents, the function {after}",
        ),
        ("Usar `{instead}`", "Use `{instead}`"),
        (
            "los errores llegan como excepciones, no como código de salida",
            "errors come as exceptions, not as an exit code",
        ),
        "{instead}",
        Effect(1, 1, "subprocess", after_key="stat"),
    ),
    "process_shell": Advice(
        ("Un shell para lanzar una orden: `{call}`", "A shell to start a command: `{call}`"),
        (
            "dos procesos por orden: {before} con {agents} agentes, contra {after} sin shell; y lo que "
            "viene de fuera se interpreta",
            "two processes a command: {before} at {agents} agents, against {after} without; and what "
            "comes from outside is interpreted",
        ),
        ("Lista de argumentos y sin `shell`", "A list of arguments and no `shell`"),
        ("las tuberías y comodines se escriben en Python", "pipes and wildcards are written in Python"),
        'subprocess.run(["git", "-C", repo, "status"], timeout=30, check=True)',
        Effect(2, 1, "subprocess"),
    ),
    "process_pool": Advice(
        ("Un intérprete nuevo por tarea: `{call}`", "A new interpreter for each task: `{call}`"),
        (
            "20 tareas × {agents} agentes son {before} de arranques, contra {after} con procesos que esperan",
            "20 tasks × {agents} agents are {before} of starting, against {after} with processes that wait",
        ),
        ("Un `ProcessPoolExecutor` compartido", "One shared `ProcessPoolExecutor`"),
        (
            "los procesos del grupo comparten memoria entre tareas: menos aislamiento",
            "tasks share the pool's processes: less isolation",
        ),
        "with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:\n    results = list(pool.map(work, tasks))",
        Effect(20, 1, "subprocess"),
        STRUCTURAL,
    ),
    "process_loop": Advice(
        ("Un proceso por elemento: `{call}`", "A process for each item: `{call}`"),
        (
            "20 elementos × {agents} agentes son {before} de fork+exec, contra {after} con una sola llamada",
            "20 items × {agents} agents are {before} of fork+exec, against {after} with one call",
        ),
        ("Una llamada para todos, o un proceso que se queda", "One call for all, or a process that stays"),
        (
            "un fallo afecta al lote; hay que repartir la salida",
            "one failure concerns the batch; its output must be taken apart",
        ),
        'subprocess.run(["tool", *paths], timeout=60, check=True)  # all at once',
        Effect(20, 1, "subprocess"),
        STRUCTURAL,
    ),
    "process_limit": Advice(
        ("Espera a un proceso sin límite: `{call}`", "Waits for a process without a limit: `{call}`"),
        (
            "una orden colgada retiene su hilo para siempre: {agents} hilos con {agents} agentes",
            "a command that hangs holds its thread for ever: {agents} threads at {agents} agents",
        ),
        ("Dar `timeout` y matar al vencer", "Give a `timeout`, and kill when it is over"),
        ("una orden legítima y lenta puede cortarse", "a legitimate slow command may be cut off"),
        "try:\n    {fixed}\nexcept subprocess.TimeoutExpired: ...  # run() has killed it",
        Effect(float("inf"), 30, unit="s"),
        bounded=False,
    ),
    "process_hot": Advice(
        ("Procesos en el camino de cada petición: `{call}`", "Processes in the way of each request: `{call}`"),
        (
            "cada vuelta paga fork+exec: {before} con {agents} agentes, contra {after} si se guarda",
            "each run pays fork+exec: {before} at {agents} agents, against {after} where it is kept",
        ),
        (
            "Guardar el resultado unos segundos, o leerlo sin proceso",
            "Keep the result for some seconds, or read it without a process",
        ),
        ("el dato puede tener hasta 30 s de edad", "the value may be up to 30 s old"),
        "if clock.monotonic() - self._at > 30:\n    self._value, self._at = measure(), clock.monotonic()",
        Effect(1, 0.02, "subprocess", fact="count"),
        ADVANCED,
    ),
}
