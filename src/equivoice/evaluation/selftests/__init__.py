"""Self-tests of systems: what has failed silently elsewhere, checked on synthetic speech."""

from equivoice.evaluation.selftests.contamination import Contact, contacts
from equivoice.evaluation.selftests.examine import examine
from equivoice.evaluation.selftests.gate import Gate, Outcome
from equivoice.evaluation.selftests.machine import Fact, examine_machine
from equivoice.evaluation.selftests.probes import Probes, make_probes

__all__ = [
    "Contact",
    "Fact",
    "Gate",
    "Outcome",
    "Probes",
    "contacts",
    "examine",
    "examine_machine",
    "make_probes",
]
