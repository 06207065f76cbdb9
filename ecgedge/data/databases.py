"""The public databases that ecgedge knows: where PhysioNet keeps them and which files are used."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from firmware_sim.errors import EcgedgeError

PHYSIONET = "https://physionet.org/files"


@dataclass(frozen=True)
class Database:
    """One database of PhysioNet.

    Attributes
    ----------
    name : str
        Name on the command line and of its folder.
    title : str
        Name in print.
    slug, version : str
        Where PhysioNet keeps it.
    records : int
        Number of records that were published.
    suffixes : tuple of str
        Files that every record has.
    wanted : str
        Regular expression for the names, in the published checksum file, of the files to fetch.
    prefix : str
        Published folder that is left out of the local names.
    licence : str
        Licence of the data.
    known : str
        Regular expression for the names of its records.
    """

    name: str
    title: str
    slug: str
    version: str
    records: int
    suffixes: tuple[str, ...]
    wanted: str
    licence: str
    known: str
    prefix: str = ""

    @property
    def url(self) -> str:
        """Address of the published files, with a slash at its end."""
        return f"{PHYSIONET}/{self.slug}/{self.version}/"

    def local_name(self, published: str, *, everything: bool = False) -> str | None:
        """Return the name of a published file in the local folder; None when it is not used.

        Parameters
        ----------
        published : str
            Name in the published checksum file.
        everything : bool
            Use every file.
        """
        if not everything and re.fullmatch(self.wanted, published) is None:
            return None
        return published.removeprefix(self.prefix)


DATABASES: Mapping[str, Database] = MappingProxyType(
    {
        database.name: database
        for database in (
            Database(
                name="mitdb",
                title="MIT-BIH Arrhythmia Database",
                slug="mitdb",
                version="1.0.0",
                records=48,
                suffixes=(".hea", ".dat", ".atr"),
                wanted=r"\d{3}\.(hea|dat|atr)|RECORDS|ANNOTATORS",
                licence="ODC-By 1.0",
                known=r"[12]\d\d",
            ),
            Database(
                name="nstdb",
                title="MIT-BIH Noise Stress Test Database",
                slug="nstdb",
                version="1.0.0",
                records=15,
                suffixes=(".hea", ".dat"),
                wanted=r"[^/]+\.(hea|dat|atr)|RECORDS|ANNOTATORS",
                licence="ODC-By 1.0",
                known=r"bw|em|ma|11[89]e(_6|\d\d)",
            ),
            Database(
                name="cinc2017",
                title="PhysioNet/CinC Challenge 2017, training set",
                slug="challenge-2017",
                version="1.0.0",
                records=8528,
                suffixes=(".hea", ".mat"),
                wanted=r"(training/)?((A\d\d/)?A\d{5}\.(hea|mat)|RECORDS|REFERENCE[^/]*\.csv)",
                licence="ODC-By 1.0",
                known=r"(.+/)?A\d{5}",
                prefix="training/",
            ),
            Database(
                name="ptb-xl",
                title="PTB-XL",
                slug="ptb-xl",
                version="1.0.3",
                records=21799,
                suffixes=(".hea", ".dat"),
                # The 100 Hz copies of the records can be made from these.
                wanted=r"records500/.+\.(hea|dat)|(ptbxl_database|scp_statements)\.csv|LICENSE\.txt",
                licence="CC BY 4.0",
                known=r"records[15]00/.+",
            ),
        )
    }
)


def get_database(name: str) -> Database:
    """Return a database by its name.

    Raises
    ------
    EcgedgeError
        When there is none of that name; the message lists those there are.
    """
    if name not in DATABASES:
        raise EcgedgeError(f"unknown database {name!r}; choose one of {', '.join(DATABASES)}.")
    return DATABASES[name]
