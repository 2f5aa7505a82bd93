"""Dimension 3, inefficient polling."""

from __future__ import annotations

from openclaw.audit.advice.model import STRUCTURAL, Advice, Effect

ADVICE = {
    "busy_wait": Advice(
        ("Espera activa: `while {test}`", "Busy wait: `while {test}`"),
        (
            "cada agente que espera consume un núcleo entero: {before} con {agents} agentes",
            "each agent that waits takes a whole core: {before} with {agents} agents",
        ),
        ("Esperar en un `Event`, una `Condition` o una cola", "Wait on an `Event`, a `Condition` or a queue"),
        ("quien cambia el estado tiene que avisar", "whoever changes the state has to say so"),
        "changed = threading.Event()\nchanged.wait(timeout=30)  # the writer calls changed.set()",
        Effect(1, 0, unit="cores"),
        bounded=False,
    ),
    "poll_files": Advice(
        ("Sondeo de ficheros cada {seconds} s: `{call}`", "Files polled every {seconds} s: `{call}`"),
        (
            "{rate}/s × {agents} agentes = {before}; además añade de media medio intervalo de latencia",
            "{rate}/s × {agents} agents = {before}; it also adds half an interval of latency on average",
        ),
        ("inotify por ctypes, con un escaneo de respaldo", "inotify by ctypes, with a scan as the safety net"),
        (
            "inotify no ve sistemas de ficheros de red y hay 128 instancias por usuario",
            "inotify does not see network file systems, and a user has 128 instances",
        ),
        "watch = inotify.add_watch(folder, IN_CLOSE_WRITE | IN_MOVED_TO)\n"
        "while True:\n    poller.poll()  # sleeps until the kernel has something\n    for name in "
        "inotify.read():\n        handle(name)",
        Effect(1, 0.03, unit="wakeups/s", fact="rate"),
        STRUCTURAL,
        bounded=False,
    ),
    "poll": Advice(
        ("Sondeo cada {seconds} s: `{call}`", "Polled every {seconds} s: `{call}`"),
        (
            "{rate}/s × {agents} agentes = {before} para enterarse de algo que casi nunca ha cambiado",
            "{rate}/s × {agents} agents = {before} to learn of something that has hardly ever changed",
        ),
        (
            "Que avise quien cambia: `Event`, `Condition`, `wait(timeout)`",
            "Be told by who changes it: `Event`, `Condition`, `wait(timeout)`",
        ),
        ("hace falta un camino de aviso entre los dos lados", "a way to tell is needed between the two sides"),
        "done.wait(timeout=30)  # threading.Event; subprocess: process.wait(timeout=30)",
        Effect(1, 0.03, unit="wakeups/s", fact="rate"),
        bounded=False,
    ),
    "seldom": Advice(
        ("Recogida cada {seconds} s: `{call}`", "Picked up every {seconds} s: `{call}`"),
        (
            "un trabajo espera hasta {seconds} s; {agents} agentes suman {before} de espera",
            "a job waits up to {seconds} s; {agents} agents add up to {before} of waiting",
        ),
        ("inotify: se recoge al llegar, sin sondear más", "inotify: picked up as it comes, without more polls"),
        ("un descriptor de inotify por proceso", "one inotify descriptor per process"),
        "poller.poll()  # inotify descriptor: wakes when a file arrives",
        Effect(1, 0.01, unit="s", fact="seconds"),
        STRUCTURAL,
        bounded=False,
    ),
    "timer_poll": Advice(
        ("Temporizador que se rearma cada {seconds} s", "A timer that starts itself again every {seconds} s"),
        (
            "un hilo nuevo por vuelta: {before} de crear hilos por vuelta con {agents} agentes",
            "a new thread each turn: {before} of creating threads a turn with {agents} agents",
        ),
        ("Un hilo con `Event.wait(interval)`, o ser avisado", "One thread with `Event.wait(interval)`, or be told"),
        ("un hilo fijo en lugar de muchos breves", "one lasting thread instead of many brief ones"),
        "while not stop.wait(interval):\n    tick()",
        Effect(1, 0, "thread"),
        bounded=False,
    ),
}
