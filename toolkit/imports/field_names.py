"""Headers that lists really have, by field. Clearest first: where two columns say the same, the first wins.

GLPI's are those of its search options (`Computer`, `Item_OperatingSystem`, `NetworkPort`, `Item_Disk`), French and
English; a group's name and ` - ` stand before those of other tables.
"""

from __future__ import annotations

import re

STOP_WORDS = frozenset(
    [
        *("de", "du", "des", "d", "la", "le", "les", "l", "un", "une", "a", "au", "aux", "en", "et", "ou"),
        *("the", "of", "and", "or", "s"),
    ]
)

AMBIGUOUS = frozenset({"nom", "name"})

BASE: dict[str, tuple[str, ...]] = {
    "entity": (
        "commune", "collectivité", "nom de la commune", "entité", "entity", "code INSEE", "INSEE", "code commune",
        "commune INSEE", "mairie", "municipality", "town hall", "town", "ville", "organisme",
    ),
    "name": (
        "nom du poste", "nom de l'ordinateur", "nom de la machine", "nom du PC", "nom d'hôte", "hostname", "host name",
        "computer name", "nom machine", "nom réseau", "nom NetBIOS", "nom de l'équipement", "device name",
        "machine", "ordinateur", "computer", "PC", "équipement",
    ),
    "serial": (
        "numéro de série", "serial number", "serial", "série", "service tag", "SN", "S/N",
    ),
    "maker": ("fabricant", "manufacturer", "marque", "constructeur", "maker", "brand", "vendor"),
    "model": ("modèle", "model", "marque et modèle", "marque/modèle", "marque - modèle", "désignation"),
    "system": (
        "système d'exploitation", "operating system", "nom du système d'exploitation", "système", "OS", "system",
    ),
    "system_version": ("version du système d'exploitation", "operating system version", "version de l'OS"),
    "chassis": (
        "type", "type de poste", "type de matériel", "type de machine", "type d'ordinateur", "type de PC",
        "computer type", "device type", "fixe ou portable", "portable ou fixe", "fixe/portable", "portable/fixe",
        "type (fixe ou portable)", "type (portable ou fixe)", "catégorie", "category", "châssis", "form factor",
    ),
    "macs": ("adresse MAC", "MAC address", "MAC", "adresses MAC", "MAC addresses", "adresse physique"),
    "address": ("adresse IP", "IP address", "IP", "IPv4", "adresse IPv4", "adresses IP", "adresse IP fixe"),
    "encrypted": (
        "disque chiffré", "chiffré", "encrypted", "chiffrement du disque", "chiffrement", "encryption", "BitLocker",
        "disk encryption", "encryption status", "statut du chiffrement",
    ),
    "status": ("statut", "status", "état", "state"),
    "fate": (
        "devenir", "devenir du poste fixe", "fate", "sort", "sort du poste fixe", "que devient le poste fixe",
        "décision", "gardé ou retiré",
    ),
    "fate_date": (
        "date de retrait", "retirement date", "date du retrait", "retiré le", "date de mise au rebut",
        "date de réforme", "date de sortie", "date du devenir", "fate date", "disposal date",
    ),
    "disposal": (
        "destination", "disposal", "mode d'élimination", "mise au rebut", "destination du poste retiré", "filière",
        "mode de sortie", "recyclage",
    ),
    "person": (
        "nom et prénom", "prénom et nom", "nom complet", "full name", "télétravailleur", "teleworker", "agent",
        "nom de l'agent", "nom et prénom de l'agent", "nom du télétravailleur", "bénéficiaire", "salarié", "employé",
        "employee", "nom prénom agent", "attribué à", "affecté à", "assigned to",
    ),
    "first_name": ("prénom", "first name", "given name", "forename", "prénom de l'agent"),
    "last_name": ("nom de famille", "last name", "surname", "family name", "nom d'usage", "nom usuel"),
    "user": ("utilisateur", "user"),
    "login": (
        "identifiant", "login", "username", "user name", "usager", "alternate username", "nom d'utilisateur", "compte",
        "compte utilisateur", "account", "session", "identifiant Windows", "identifiant de session", "compte AD",
    ),
    "service": ("service", "service de l'agent", "department", "direction", "département", "pôle"),
    "duty": (
        "fonction", "duty", "poste occupé", "métier", "emploi", "job title", "job", "role", "mission",
        "intitulé du poste", "fonction de l'agent",
    ),
}  # fmt: skip

QUALIFIABLE = frozenset({"name", "serial", "maker", "model", "macs", "address", "system", "encrypted"})
"""Fields that a row about a person may have twice: of the laptop and of the office PC."""

OF_LAPTOP = frozenset({"portable", "portables", "laptop", "notebook"})
OF_OFFICE_PC = frozenset({"fixe", "bureau", "office", "desktop", "uc"})
OF_MACHINE = frozenset({"pc", "poste", "ordinateur", "machine", "computer", "unite", "centrale", "station", "uc"})

PERSONAL = re.compile(
    r" (?:e ?mail|mails?|courriel|messagerie"
    r"|tel|telephones?|phones?|mobile|gsm|numero portable|portable (?:perso\w*|pro\w*)|fax|contact urgence"
    r"|usager numero|numero usager|alternate username number"
    r"|naissance|nee?|birth\w*|birthday|age"
    r"|adresse (?:perso\w*|postale|privee|domicile)|domicile|home address|postal address|address line|code postal"
    r"|postcode|zip|rue|street|voie"
    r"|securite sociale|nir|social security|ssn|numero secu\w*|secu"
    r"|iban|rib|bic|salaire|salary|indice|matricule|nationalite|nationality|sexe|genre|gender|civilite"
    r"|situation familiale|enfants|conjoint|sante|handicap|mot passe|password) "
    r"|^ adresse $|^ address $"
)

_OPERATING_SYSTEM = {"nom": "system", "name": "system", "version": "system_version"}
_NETWORK = {
    "ip": "address", "adresse ip": "address", "ip address": "address", "adresse mac": "macs", "mac address": "macs",
    "mac": "macs",
}  # fmt: skip
_NOTHING: dict[str, str] = {}
_DISK = {"statut chiffrement": "encrypted", "encryption status": "encrypted", "etat chiffrement": "encrypted"}
_OWN = {"nom": "name", "name": "name", "numero serie": "serial", "serial number": "serial", "type": "chassis",
        "modele": "model", "model": "model", "fabricant": "maker", "manufacturer": "maker", "statut": "status",
        "status": "status", "entite": "entity", "entity": "entity", "usager": "login", "alternate username": "login",
        "utilisateur": "user", "user": "user"}  # fmt: skip

GLPI_GROUPS: dict[str, dict[str, str]] = {
    **dict.fromkeys(("systeme exploitation", "systemes exploitation", "operating system", "operating systems"),
                    _OPERATING_SYSTEM),
    **dict.fromkeys(("reseau", "networking", "network", "ports reseau", "port reseau", "network ports", "network port"),
                    _NETWORK),
    **dict.fromkeys(("volumes", "volume"), _DISK),
    **dict.fromkeys(("ordinateur", "ordinateurs", "computer", "computers"), _OWN),
    **dict.fromkeys(("caracteristiques", "characteristics"), _OWN),
    **dict.fromkeys(("moniteurs", "moniteur", "monitors", "monitor", "imprimantes", "printers", "telephones", "phones",
                     "peripheriques", "devices", "composants", "components", "logiciels", "software",
                     "informations financieres administratives", "financial administrative information", "antivirus",
                     "machines virtuelles", "virtual machines", "contrat", "contract", "tickets"), _NOTHING),
}  # fmt: skip

GLPI_MARKS = frozenset(
    {"entite", "entity", "usager", "alternate username", "derniere modification", "last update",
     "source mise jour", "update source", "derniere date inventaire", "last inventory date"}
)  # fmt: skip
