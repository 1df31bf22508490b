// When to replace a data key. The keyring replaces a compartment's active data key by a new one after an age, or after
// a number of records or bytes; the old one continues to decrypt. The limits lie far below those of the AEAD: with
// XAES-256-GCM's random 192-bit nonces a key may encrypt 2^80 records.
//
// The row of a data key shows what it encrypted, but for what the usage meter has counted since the row was written. A
// crash loses that part, and nothing else: the keyring then replaces the data key later by as much.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/id.hpp"
#include "keyring/usage_meter.hpp"
#include "store/rows.hpp"

namespace latchkey::keyring {

// Error::reason of a data key that was destroyed.

struct DataKeyLimits {
  std::chrono::milliseconds max_age = std::chrono::hours(30 * 24);
  std::int64_t max_records = std::int64_t{1} << 32;
  std::int64_t max_bytes = std::int64_t{1} << 46;
};

enum class RotationCause { Age, Records, Bytes };
[[nodiscard]] std::string_view to_string(RotationCause cause);

// Why to replace the active data key; absent where it serves on. `pending` is what it encrypted beyond what its row
// shows (UsageMeter::pending).
[[nodiscard]] std::optional<RotationCause> rotation_due(const store::DataKey& row, const Use& pending,
                                                        const DataKeyLimits& limits, Timestamp now);

// A replacement, for the transaction that replaces the data key.
struct DataKeyReplaced {
  Uuid organization;
  std::string workspace_id;
  std::optional<std::string> external_key_id;
  RawId replaced;
  RawId active;
  RotationCause cause;
};

}  // namespace latchkey::keyring
