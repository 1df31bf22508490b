#include "clouds/azure/emulator/vault/geography.hpp"

#include <map>

namespace latchkey::clouds::azure::emulator {

// Microsoft's list of Azure regions (learn.microsoft.com/azure/reliability/regions-list).
std::string_view geography_of(std::string_view location) {
  static const std::map<std::string_view, std::string_view> regions = {{"centralus", "United States"},
                                                                       {"eastus", "United States"},
                                                                       {"eastus2", "United States"},
                                                                       {"northcentralus", "United States"},
                                                                       {"southcentralus", "United States"},
                                                                       {"westcentralus", "United States"},
                                                                       {"westus", "United States"},
                                                                       {"westus2", "United States"},
                                                                       {"westus3", "United States"},
                                                                       {"canadacentral", "Canada"},
                                                                       {"canadaeast", "Canada"},
                                                                       {"brazilsouth", "Brazil"},
                                                                       {"brazilsoutheast", "Brazil"},
                                                                       {"mexicocentral", "Mexico"},
                                                                       {"chilecentral", "Chile"},
                                                                       {"northeurope", "Europe"},
                                                                       {"westeurope", "Europe"},
                                                                       {"austriaeast", "Austria"},
                                                                       {"belgiumcentral", "Belgium"},
                                                                       {"denmarkeast", "Denmark"},
                                                                       {"francecentral", "France"},
                                                                       {"francesouth", "France"},
                                                                       {"germanynorth", "Germany"},
                                                                       {"germanywestcentral", "Germany"},
                                                                       {"italynorth", "Italy"},
                                                                       {"norwayeast", "Norway"},
                                                                       {"norwaywest", "Norway"},
                                                                       {"polandcentral", "Poland"},
                                                                       {"spaincentral", "Spain"},
                                                                       {"swedencentral", "Sweden"},
                                                                       {"swedensouth", "Sweden"},
                                                                       {"switzerlandnorth", "Switzerland"},
                                                                       {"switzerlandwest", "Switzerland"},
                                                                       {"uksouth", "United Kingdom"},
                                                                       {"ukwest", "United Kingdom"},
                                                                       {"eastasia", "Asia Pacific"},
                                                                       {"southeastasia", "Asia Pacific"},
                                                                       {"australiacentral", "Australia"},
                                                                       {"australiacentral2", "Australia"},
                                                                       {"australiaeast", "Australia"},
                                                                       {"australiasoutheast", "Australia"},
                                                                       {"centralindia", "India"},
                                                                       {"southindia", "India"},
                                                                       {"westindia", "India"},
                                                                       {"indonesiacentral", "Indonesia"},
                                                                       {"japaneast", "Japan"},
                                                                       {"japanwest", "Japan"},
                                                                       {"koreacentral", "Korea"},
                                                                       {"koreasouth", "Korea"},
                                                                       {"malaysiawest", "Malaysia"},
                                                                       {"newzealandnorth", "New Zealand"},
                                                                       {"israelcentral", "Israel"},
                                                                       {"qatarcentral", "Qatar"},
                                                                       {"uaecentral", "United Arab Emirates"},
                                                                       {"uaenorth", "United Arab Emirates"},
                                                                       {"southafricanorth", "South Africa"},
                                                                       {"southafricawest", "South Africa"}};
  auto found = regions.find(location);
  return found == regions.end() ? location : found->second;
}

}  // namespace latchkey::clouds::azure::emulator
