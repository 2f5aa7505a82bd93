"""The report's fixed words in Spanish and English: headings as the specification has them, units, origins."""

from __future__ import annotations

from dataclasses import dataclass

from openclaw.audit.finding import Estimate, Severity


@dataclass(frozen=True)
class Diagnosis:
    """What the first section says; all of it was counted."""

    read: str
    nothing: str
    found: str
    calibrated: str
    reference: str
    silenced: str
    passed: str


@dataclass(frozen=True)
class Words:
    """One language."""

    lang: str
    index: int
    headings: tuple[str, str, str, str, str]
    severities: dict[Severity, str]
    point: str
    situation: str
    change: str
    reason: str
    code: str
    table: str
    phases: tuple[str, str, str]
    none: str
    trade: str
    counted: dict[str, tuple[str, str]]
    """One of it, and several."""
    basis: dict[str, str]
    units: dict[str, str]
    unlimited: str
    diagnosis: Diagnosis
    dimensions: tuple[str, ...]


SPANISH = Words(
    lang="es",
    index=0,
    headings=(
        "## 1. Diagnóstico Actual",
        "## 2. Puntos Críticos Detectados",
        "## 3. Propuesta Técnica Concreta",
        "## 4. Impacto Estimado",
        "## 5. Roadmap de Optimización",
    ),
    severities={
        Severity.CRITICAL: "🔴 CRÍTICO",
        Severity.IMPORTANT: "🟡 IMPORTANTE",
        Severity.MINOR: "🟢 MENOR",
    },
    point="### Punto: ",
    situation="Situación actual",
    change="Cambio propuesto",
    reason="Justificación",
    code="Código ejemplo",
    table="| Optimización | Métrica Actual (est.) | Métrica Esperada | Mejora |",
    phases=(
        "### Fase 1 — Quick Wins (1-2 días)",
        "### Fase 2 — Mejoras Estructurales (3-5 días)",
        "### Fase 3 — Optimización Avanzada (1-2 semanas)",
    ),
    none="Nada que hacer aquí.",
    trade="A cambio",
    counted={
        "files": ("fichero", "ficheros"),
        "lines": ("línea", "líneas"),
        "functions": ("función", "funciones"),
        "places": ("lugar", "lugares"),
        "agents": ("agente", "agentes"),
    },
    basis={"estimated": "estimado", "reference": "estimado, coste de referencia", "calibrated": "calibrado"},
    units={
        "wakeups/s": "despertares/s",
        "cores": "núcleos",
        "fd": "descriptores",
        "threads": "hilos",
        "comparisons": "comparaciones",
        "lines": "líneas",
        "turns": "vueltas",
        "moves": "movimientos",
        "calls": "llamadas",
        "changes": "cambios",
    },
    unlimited="sin límite",
    diagnosis=Diagnosis(
        read="Leído (medido): {files}, {lines}, {functions}; de ellas por petición, "
        "por vuelta o por elemento: {hot}.",
        nothing="No se ha auditado nada: en lo indicado no hay ningún fichero Python que se pueda leer. Que no haya "
        "hallazgos no dice nada de ello.",
        found="Encontrado (medido), visto con {agents} a la vez: {marks}.",
        calibrated="Cifras de coste: calibradas en esta máquina.",
        reference="Cifras de coste: estimadas con los costes de referencia (sin calibrar).",
        silenced="Silenciado con motivo escrito (medido): {count}.",
        passed="Sin leer (medido): {count}: {named}",
    ),
    dimensions=(
        "Bloqueo de I/O",
        "Operaciones síncronas innecesarias",
        "Polling ineficiente",
        "Operaciones de disco",
        "Subprocesos costosos",
        "Consumo de memoria",
        "Diseño no escalable",
        "Caché ausente",
        "Paralelización",
    ),
)

ENGLISH = Words(
    lang="en",
    index=1,
    headings=(
        "## 1. Current Diagnosis",
        "## 2. Critical Points Detected",
        "## 3. Concrete Technical Proposal",
        "## 4. Estimated Impact",
        "## 5. Optimization Roadmap",
    ),
    severities={
        Severity.CRITICAL: "🔴 CRITICAL",
        Severity.IMPORTANT: "🟡 IMPORTANT",
        Severity.MINOR: "🟢 MINOR",
    },
    point="### Point: ",
    situation="Current situation",
    change="Proposed change",
    reason="Justification",
    code="Example code",
    table="| Optimization | Current Metric (est.) | Expected Metric | Improvement |",
    phases=(
        "### Phase 1 — Quick Wins (1-2 days)",
        "### Phase 2 — Structural Improvements (3-5 days)",
        "### Phase 3 — Advanced Optimization (1-2 weeks)",
    ),
    none="Nothing to do here.",
    trade="In exchange",
    counted={
        "files": ("file", "files"),
        "lines": ("line", "lines"),
        "functions": ("function", "functions"),
        "places": ("place", "places"),
        "agents": ("agent", "agents"),
    },
    basis={"estimated": "estimated", "reference": "estimated, reference cost", "calibrated": "calibrated"},
    units={"wakeups/s": "wake-ups/s", "fd": "descriptors"},
    unlimited="no limit",
    diagnosis=Diagnosis(
        read="Read (measured): {files}, {lines}, {functions}; of those run per request, "
        "per turn or per item: {hot}.",
        nothing="Nothing was audited: what was given holds no Python file that can be read. That there are no findings "
        "says nothing of it.",
        found="Found (measured), looked at with {agents} at once: {marks}.",
        calibrated="Cost figures: calibrated on this machine.",
        reference="Cost figures: estimated from the reference costs (not calibrated).",
        silenced="Silenced with a written reason (measured): {count}.",
        passed="Not read (measured): {count}: {named}",
    ),
    dimensions=(
        "I/O blocking",
        "Unnecessary synchronous operations",
        "Inefficient polling",
        "Disk-intensive operations",
        "Expensive subprocesses",
        "Memory consumption",
        "Non-scalable design patterns",
        "Missing caching",
        "Parallelization potential",
    ),
)

LANGUAGES = {"es": SPANISH, "en": ENGLISH}


def count(number: int, thing: str, words: Words) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {words.counted[thing][number != 1]}"


def quantity(value: float, unit: str, words: Words) -> str:
    """`2750 ms`, `0.5 s`, `1.2 GB`, `sin límite`."""
    if value == float("inf"):
        return words.unlimited
    if unit == "ms" and value >= 10_000:
        value, unit = value / 1000, "s"
    if unit == "MB" and value >= 1000:
        value, unit = value / 1000, "GB"
    digits = f"{value:,.0f}".replace(",", " ") if value >= 100 else f"{value:.3g}"
    if words.lang == "es":
        digits = digits.replace(".", ",")
    return f"{digits} {words.units.get(unit, unit)}"


def improvement(estimate: Estimate, words: Words) -> str:
    """`−99 %`; how it changes where it had no limit."""
    if estimate.before == float("inf"):
        return f"{words.unlimited} → {quantity(estimate.after, estimate.unit, words)}"
    if not estimate.before:
        return "0 %"
    share = 100 * (1 - estimate.after / estimate.before)
    return f"−{min(share, 99.9) if estimate.after else 100:.3g} %".replace(".", "," if words.lang == "es" else ".")
