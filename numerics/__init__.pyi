from .curves.clones import clone_curve as clone_curve
from .curves.entropy import entropy_curve as entropy_curve
from .curves.guided import guided_curve as guided_curve
from .curves.places import with_places as with_places
from .diagrams import phase_diagram as phase_diagram
from .fokker_planck import guided_odds as guided_odds
from .fokker_planck import interval_shares as interval_shares
from .runs.manifests import verify_manifest as verify_manifest
