from .clones import clone_curve as clone_curve
from .curves import entropy_curve as entropy_curve
from .diagrams import phase_diagram as phase_diagram
from .guided import guided_curve as guided_curve
from .manifests import verify_manifest as verify_manifest
from .places import with_places as with_places
