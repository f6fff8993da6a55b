"""The regions of the three clouds, by the names that Azure writes without spaces (documented).

Only to tell a region from another word in a record's name: a region that is not listed is reported later, nothing else.
"""

from __future__ import annotations

_NAMES = """
australiacentral australiacentral2 australiaeast australiasoutheast austriaeast belgiumcentral brazilsouth
brazilsoutheast canadacentral canadaeast centralindia centralus centraluseuap chilecentral chinaeast
chinaeast2 chinaeast3 chinanorth chinanorth2 chinanorth3 denmarkeast eastasia eastus eastus2 eastus2euap
eastus3 francecentral francesouth germanycentral germanynorth germanynortheast germanywestcentral
indonesiacentral israelcentral italynorth japaneast japanwest jioindiacentral jioindiawest koreacentral
koreasouth malaysiasouth malaysiawest mexicocentral newzealandnorth northcentralus northeurope norwayeast
norwaywest polandcentral qatarcentral southafricanorth southafricawest southcentralus southeastasia southindia
spaincentral swedencentral swedensouth switzerlandnorth switzerlandwest taiwannorth taiwannorthwest uaecentral
uaenorth uksouth ukwest usdodcentral usdodeast usgovarizona usgoviowa usgovtexas usgovvirginia usnateast
usnatwest usseceast ussecwest westcentralus westeurope westindia westus westus2 westus3
"""
REGIONS = frozenset(_NAMES.split())
