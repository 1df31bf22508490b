#include "keyring/data_key_rotation.hpp"

namespace latchkey::keyring {

std::string_view to_string(RotationCause cause) {
  switch (cause) {
    case RotationCause::Age:
      return "age";
    case RotationCause::Records:
      return "records";
    case RotationCause::Bytes:
      return "bytes";
  }
  return "";
}

std::optional<RotationCause> rotation_due(const store::DataKey& row, const Use& pending, const DataKeyLimits& limits,
                                          Timestamp now) {
  if (now - row.created_at >= limits.max_age) return RotationCause::Age;
  if (row.records + pending.records >= limits.max_records) return RotationCause::Records;
  if (row.bytes + pending.bytes >= limits.max_bytes) return RotationCause::Bytes;
  return std::nullopt;
}

}  // namespace latchkey::keyring
