"""Dimension 4, disk-intensive operations."""

from __future__ import annotations

from openclaw.audit.advice.model import QUICK, STRUCTURAL, Advice, Effect

ADVICE = {
    "all_for_one": Advice(
        ("Todo `{name}` escrito por cada alta: `{call}`", "All of `{name}` written for each addition: `{call}`"),
        (
            "con 1000 elementos cada alta escribe los 1000: {before} con {agents} agentes, contra {after}",
            "with 1000 items each addition writes all 1000: {before} at {agents} agents, against {after}",
        ),
        (
            "Añadir una línea por alta, y compactar de vez en cuando",
            "Append a line for each addition, and compact now and then",
        ),
        ("al arrancar hay que leer el diario y aplicar sus líneas", "the journal has to be read and applied at start"),
        'journal.write(json.dumps(item) + "\\n")  # held open; compacted at start',
        Effect(10, 0.02, "write"),
    ),
    "sync_each": Advice(
        ("fsync por registro: `{call}`", "fsync for each record: `{call}`"),
        (
            "20 registros × {agents} agentes son {before} de disco; un commit de grupo los deja en {after}",
            "20 records × {agents} agents are {before} of disk; a group commit leaves {after}",
        ),
        (
            "Un hilo que confirma juntos los que esperan (group commit)",
            "One thread that commits together all that wait (group commit)",
        ),
        (
            "cada escritor espera a su grupo: unos ms más de latencia",
            "each writer waits for its group: some ms of latency",
        ),
        'batch = [queue.get(), *drain(queue)]\nfile.write(b"".join(batch))\n'
        "file.flush()\nos.fsync(file.fileno())  # one for all of them",
        Effect(20, 1, "fsync"),
        STRUCTURAL,
    ),
    "flush_each": Advice(
        ("flush por registro: `{call}`", "flush for each record: `{call}`"),
        (
            "una llamada al sistema por línea: {before} para {agents} agentes × 20 líneas, contra {after}",
            "one system call a line: {before} for {agents} agents × 20 lines, against {after}",
        ),
        ("Dejar el búfer, o vaciarlo por lotes", "Leave it to the buffer, or flush by batches"),
        ("las últimas líneas tardan más en verse", "the last lines are seen a little later"),
        'file = open(path, "a", buffering=1 << 16)',
        Effect(20, 1, "flush"),
    ),
    "unbuffered": Advice(
        ("Escritura sin búfer: `{call}`", "Written without a buffer: `{call}`"),
        (
            "una llamada al sistema por `write`: {before} para {agents} agentes × 20 escrituras, contra {after}",
            "one system call for each `write`: {before} for {agents} agents × 20 writes, against {after}",
        ),
        ("Quitar `buffering=0`", "Drop `buffering=0`"),
        (
            "los datos llegan al disco al cerrar o al llenarse el búfer",
            "data reaches the file when the buffer fills or closes",
        ),
        'with open(path, "wb") as file:\n    file.writelines(rows)',
        Effect(20, 1, "write"),
    ),
    "listed_to_find": Advice(
        ("Listar un directorio para buscar un nombre: `{call}`", "A folder listed to look for one name: `{call}`"),
        (
            "{before} para {agents} agentes, contra {after} de un `stat`",
            "{before} for {agents} agents, against {after} by one `stat`",
        ),
        ("Preguntar por el nombre", "Ask for the name"),
        ("ninguno: se lee una entrada en vez de todas", "none: one entry is read instead of all"),
        "os.path.exists(os.path.join(folder, name))",
        Effect(1, 1, "listdir", after_key="stat"),
    ),
    "listing_in_loop": Advice(
        ("Listado repetido en un bucle: `{call}`", "Listed again in each turn of a loop: `{call}`"),
        (
            "20 vueltas × {agents} agentes son {before} de listados, contra {after}",
            "20 turns × {agents} agents are {before} of listings, against {after}",
        ),
        ("Listar una vez, antes del bucle", "List once, before the loop"),
        (
            "lo que llega durante el bucle se ve en la siguiente pasada",
            "what arrives during the loop is seen next time",
        ),
        "names = set(os.listdir(folder))\nfor item in items:\n    if item in names: ...",
        Effect(20, 1, "listdir"),
    ),
    "listing_hot": Advice(
        ("Listado en cada petición o elemento: `{call}`", "Listed for each request or item: `{call}`"),
        (
            "{before} para {agents} agentes; crece con el directorio",
            "{before} for {agents} agents, growing with the folder",
        ),
        ("Mantener el índice en memoria y actualizarlo con inotify", "Keep an index in memory, kept fresh by inotify"),
        (
            "el índice ocupa memoria y hay que reconstruirlo al arrancar",
            "the index takes memory and is rebuilt at start",
        ),
        "names = index.names()  # updated by the watcher, not by each request",
        Effect(1, 0, "listdir"),
        STRUCTURAL,
    ),
    "temporary_each": Advice(
        ("Fichero temporal por elemento: `{call}`", "A temporary file for each item: `{call}`"),
        (
            "20 × {agents} agentes son {before} de crear y borrar, contra {after}",
            "20 × {agents} agents are {before} of making and removing, against {after}",
        ),
        (
            "Un directorio por trabajo, o memoria (`SpooledTemporaryFile`)",
            "One folder a job, or memory (`SpooledTemporaryFile`)",
        ),
        ("hasta 1 MB por elemento queda en memoria", "up to 1 MB per item stays in memory"),
        "with tempfile.SpooledTemporaryFile(max_size=1 << 20) as file: ...",
        Effect(40, 1, "write"),
    ),
    "read_in_loop": Advice(
        ("El mismo fichero leído en cada vuelta: `{path}`", "The same file read in each turn: `{path}`"),
        (
            "20 vueltas × {agents} agentes son {before} de lecturas, contra {after}",
            "20 turns × {agents} agents are {before} of reading, against {after}",
        ),
        ("Leerlo antes del bucle", "Read it before the loop"),
        ("un cambio durante el bucle no se ve hasta la siguiente pasada", "a change during the loop is seen next time"),
        "content = {path}  # read once, here\nfor item in items: ...",
        Effect(20, 1, "open_read"),
    ),
    "read_twice": Advice(
        ("Leído dos veces en la misma función: `{path}`", "Read twice in one function: `{path}`"),
        ("{before} para {agents} agentes, contra {after}", "{before} for {agents} agents, against {after}"),
        ("Guardar lo leído", "Keep what was read"),
        ("el contenido queda en memoria algo más", "the content stays in memory a little longer"),
        "data = read(path)\nfirst(data)\nsecond(data)",
        Effect(2, 1, "open_read"),
    ),
    "looked_at_twice": Advice(
        (
            "{count} preguntas al disco por el mismo fichero: `{path}`",
            "{count} questions to the disk about one file: `{path}`",
        ),
        ("{before} para {agents} agentes, contra {after}", "{before} for {agents} agents, against {after}"),
        ("Un `os.stat` da todas las respuestas", "One `os.stat` answers them all"),
        ("hay que tratar `FileNotFoundError`", "`FileNotFoundError` has to be handled"),
        "try:\n    found = os.stat(path)\nexcept FileNotFoundError: ...",
        Effect(2, 1, "stat"),
    ),
    "tmpfs": Advice(
        (
            "Estado efímero escrito en disco cada {seconds} s: `{path}`",
            "Passing state written to disk every {seconds} s: `{path}`",
        ),
        (
            "cada vuelta cuesta {before} con {agents} agentes en un disco, sin que deba sobrevivir a un corte",
            "each turn costs {before} at {agents} agents on a disk, though it need not outlive a power cut",
        ),
        ("Escribirlo en tmpfs (`$XDG_RUNTIME_DIR`, `/dev/shm`)", "Write it to tmpfs (`$XDG_RUNTIME_DIR`, `/dev/shm`)"),
        ("se pierde al reiniciar la máquina", "it is lost when the machine restarts"),
        'path = os.path.join(os.environ["XDG_RUNTIME_DIR"], "openclaw", "status.json")',
        Effect(1, 0.05, "write"),
        QUICK,
    ),
}
