// Changes a vault as the passing of time does.
#pragma once

#include "clouds/azure/emulator/cloud.hpp"

namespace latchkey::clouds::azure::emulator {

// Rotates keys that are due by their policies, and purges deleted keys whose retention has passed. It runs before every
// call to the vault, so that no background work is needed. Slow where a key is due.
void let_time_pass(const Cloud& cloud, const VaultName& name, Seconds now);

}  // namespace latchkey::clouds::azure::emulator
