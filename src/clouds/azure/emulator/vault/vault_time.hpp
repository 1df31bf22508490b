// What the passing of time alone does to a vault.
#pragma once

#include "clouds/azure/emulator/cloud.hpp"

namespace latchkey::clouds::azure::emulator {

// Keys rotate by their policies, and deleted keys whose retention has passed are gone. Called before every call that
// looks at the vault, so that nothing runs while nobody looks. Slow where a key is due.
void let_time_pass(const Cloud& cloud, const VaultName& name, Seconds now);

}  // namespace latchkey::clouds::azure::emulator
