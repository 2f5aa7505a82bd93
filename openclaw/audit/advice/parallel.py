"""Dimension 9, parallelization potential."""

from __future__ import annotations

from openclaw.audit.advice.model import STRUCTURAL, Advice, Effect

_POOL = "with ThreadPoolExecutor(max_workers=16) as pool:\n    results = list(pool.map(work, {iterable}))"

ADVICE = {
    "serial_http": Advice(
        ("Peticiones HTTP independientes en fila: `{call}`", "Independent HTTP requests one after another: `{call}`"),
        (
            "20 peticiones tardan {before} sumando {agents} agentes, contra {after} de 16 en 16",
            "20 requests take {before} over {agents} agents, against {after} 16 at a time",
        ),
        ("`ThreadPoolExecutor` con límite", "A `ThreadPoolExecutor` with a limit"),
        (
            "16 conexiones a la vez por agente; el orden de llegada cambia",
            "16 connections at once per agent; they end in another order",
        ),
        _POOL,
        Effect(20, 2, "http"),
        STRUCTURAL,
    ),
    "serial_process": Advice(
        ("Procesos independientes en fila: `{call}`", "Independent processes one after another: `{call}`"),
        (
            "20 procesos tardan {before} sumando {agents} agentes, contra {after} de 8 en 8",
            "20 processes take {before} over {agents} agents, against {after} 8 at a time",
        ),
        ("Un grupo de hilos que lanza y espera", "A pool of threads that start and wait"),
        ("8 procesos a la vez en memoria", "8 processes in memory at once"),
        "with ThreadPoolExecutor(max_workers=8) as pool:\n    results = list(pool.map(run, {iterable}))",
        Effect(20, 3, "subprocess"),
        STRUCTURAL,
    ),
    "serial_wait": Advice(
        ("Esperas independientes en fila: `{call}`", "Independent waits one after another: `{call}`"),
        (
            "20 esperas tardan {before} sumando {agents} agentes, contra {after} de 16 en 16",
            "20 waits take {before} over {agents} agents, against {after} 16 at a time",
        ),
        ("Lanzarlas todas y recoger después", "Start them all, collect afterwards"),
        ("hay que acotar cuántas hay a la vez", "how many run at once has to be bounded"),
        _POOL,
        Effect(20, 2, "http_local"),
        STRUCTURAL,
    ),
    "serial_files": Advice(
        ("Ficheros tratados de uno en uno: `{call}`", "Files handled one by one: `{call}`"),
        (
            "20 ficheros son {before} con {agents} agentes, contra {after} con 8 hilos",
            "20 files are {before} at {agents} agents, against {after} with 8 threads",
        ),
        ("`ThreadPoolExecutor`", "A `ThreadPoolExecutor`"),
        ("más lecturas a la vez: peor en discos de platos", "more reading at once: worse on spinning disks"),
        "with ThreadPoolExecutor(max_workers=8) as pool:\n    list(pool.map(handle, {iterable}))",
        Effect(40, 5, "open_read"),
        STRUCTURAL,
    ),
    "serial_cpu": Advice(
        ("Cálculo por fichero en un solo núcleo: `{call}`", "Computed file by file on one core: `{call}`"),
        (
            "20 ficheros son {before} con {agents} agentes, contra {after} con 4 núcleos",
            "20 files are {before} at {agents} agents, against {after} on 4 cores",
        ),
        (
            "`ProcessPoolExecutor`; hashlib y zlib sueltan el GIL: bastan hilos",
            "A `ProcessPoolExecutor`; hashlib and zlib release the GIL: threads do",
        ),
        ("los datos viajan entre procesos", "data travels between processes"),
        "with ProcessPoolExecutor() as pool:\n    results = list(pool.map(work, {iterable}, chunksize=8))",
        Effect(20, 5, "cpu"),
        STRUCTURAL,
    ),
    "cpu_threads": Advice(
        ("Cálculo puro en hilos: `for … in {iterable}`", "Pure computing on threads: `for … in {iterable}`"),
        (
            "el GIL deja correr un hilo a la vez: {before} con {agents} agentes, contra {after} con 4 procesos",
            "the GIL lets one thread run at a time: {before} at {agents} agents, against {after} with 4 processes",
        ),
        ("`ProcessPoolExecutor`", "A `ProcessPoolExecutor`"),
        (
            "arrancar procesos y copiar argumentos cuesta unos ms",
            "starting processes and copying arguments costs some ms",
        ),
        "with ProcessPoolExecutor() as pool:\n    results = list(pool.map(work, jobs))",
        Effect(20, 5, "cpu"),
        STRUCTURAL,
    ),
}
