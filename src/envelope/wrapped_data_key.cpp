#include "envelope/wrapped_data_key.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "crypto/hash.hpp"
#include "envelope/reasons.hpp"

namespace latchkey::envelope {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kDomain = "latchkey-dk-v1";
static_assert(kWrapPayloadSize == 1 + kDataKeySize + std::tuple_size_v<crypto::Sha256>);

crypto::Sha256 binding_hash(const DataKeyBinding& binding) {
  return crypto::sha256({as_bytes(kDomain), ByteView(binding.organization.data), ByteView(binding.compartment.data),
                         ByteView(binding.data_key_id)});
}

}  // namespace

crypto::SecretBytes make_wrap_payload(const DataKeyBinding& binding, const DataKey& key) {
  crypto::SecretBytes payload(kWrapPayloadSize);
  auto out = payload.mutable_view();
  out[0] = kVersion;
  std::copy(key.material().begin(), key.material().end(), out.begin() + 1);
  auto hash = binding_hash(binding);
  std::copy(hash.begin(), hash.end(), out.begin() + 1 + kDataKeySize);
  return payload;
}

Result<DataKey> open_wrap_payload(const DataKeyBinding& binding, const crypto::SecretBytes& payload) {
  auto refuse = [&](std::string_view what) {
    return Error{
        ErrorCode::Corrupt,
        fmt::format("the wrapped data key {} is not what was stored: {}; somebody changed the database, or it was "
                    "restored in part",
                    format_id(id_prefix::kDataKey, binding.data_key_id), what),
        reason::kDataKeyBinding};
  };
  auto bytes = payload.reveal();
  if (bytes.size() != kWrapPayloadSize) return refuse(fmt::format("it unwraps to {} bytes", bytes.size()));
  if (bytes[0] != kVersion) return refuse(fmt::format("its version is {}", bytes[0]));
  if (!crypto::equal_constant_time(bytes.subspan(1 + kDataKeySize), binding_hash(binding))) {
    return refuse("it was made for another organisation, workspace or data key");
  }
  return DataKey::create(binding.data_key_id, crypto::SecretBytes(bytes.subspan(1, kDataKeySize)));
}

std::string key_check(const DataKey& key) {
  constexpr std::string_view kCheckDomain = "latchkey-dk-check-v1";
  auto hash = crypto::sha256({as_bytes(kCheckDomain), ByteView(key.id()), key.material()});
  return hex_encode(ByteView(hash).first(16));
}

}  // namespace latchkey::envelope
