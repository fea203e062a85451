"""Where each statement comes from: the bibliography that theorems and `speciation cite` share."""

from dataclasses import dataclass

__all__ = ["SOURCES", "Source"]


@dataclass(frozen=True)
class Source:
    """A published source; `venue` names the journal or conference with volume and pages."""

    key: str
    authors: tuple[str, ...]
    """`Family, Given` in the order of publication."""
    title: str
    venue: str
    year: int
    kind: str = "article"
    """`article` for a journal or preprint, `inproceedings` for a conference."""
    arxiv: str | None = None
    doi: str | None = None

    @property
    def url(self) -> str | None:
        """DOI resolver or arXiv page, if either is known."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else None


_ENTRIES = (
    Source(
        "H26",
        (
            "Handke, Florian",
            "Stančević, Dejan",
            "Koulischer, Felix",
            "Demeester, Thomas",
            "Ambrogioni, Luca",
        ),
        "The Entropic Signature of Class Speciation in Diffusion Models",
        "International Conference on Machine Learning",
        2026,
        "inproceedings",
        arxiv="2602.09651",
    ),
    Source(
        "B24",
        ("Biroli, Giulio", "Bonnaire, Tony", "de Bortoli, Valentin", "Mézard, Marc"),
        "Dynamical regimes of diffusion models",
        "Nature Communications 15:9957",
        2024,
        arxiv="2402.18491",
    ),
    Source(
        "RA23",
        ("Raya, Gabriel", "Ambrogioni, Luca"),
        "Spontaneous symmetry breaking in generative diffusion models",
        "Advances in Neural Information Processing Systems 36",
        2023,
        "inproceedings",
        arxiv="2305.19693",
    ),
    Source(
        "GSV05",
        ("Guo, Dongning", "Shamai, Shlomo", "Verdú, Sergio"),
        "Mutual information and minimum mean-square error in Gaussian channels",
        "IEEE Transactions on Information Theory 51(4):1261-1282",
        2005,
    ),
    Source(
        "LC24",
        ("Li, Marvin", "Chen, Sitan"),
        "Critical windows: non-asymptotic theory for feature emergence in diffusion models",
        "International Conference on Machine Learning",
        2024,
        "inproceedings",
        arxiv="2403.01633",
    ),
    Source(
        "K24",
        (
            "Karras, Tero",
            "Aittala, Miika",
            "Lehtinen, Jaakko",
            "Hellsten, Janne",
            "Aila, Timo",
            "Laine, Samuli",
        ),
        "Analyzing and Improving the Training Dynamics of Diffusion Models",
        "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
        2024,
        "inproceedings",
        arxiv="2312.02696",
    ),
    Source(
        "K25",
        (
            "Koulischer, Felix",
            "Handke, Florian",
            "Deleu, Johannes",
            "Demeester, Thomas",
            "Ambrogioni, Luca",
        ),
        "Feedback guidance of diffusion models",
        "arXiv preprint",
        2025,
        arxiv="2506.06085",
    ),
    Source(
        "K22",
        ("Karras, Tero", "Aittala, Miika", "Aila, Timo", "Laine, Samuli"),
        "Elucidating the Design Space of Diffusion-Based Generative Models",
        "Advances in Neural Information Processing Systems 35",
        2022,
        "inproceedings",
        arxiv="2206.00364",
    ),
)

SOURCES: dict[str, Source] = {source.key: source for source in _ENTRIES}
"""Sources by short name."""
