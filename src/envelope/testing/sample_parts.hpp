// The parts that the tests of records and streams are made of.
#pragma once

#include "base/id.hpp"
#include "crypto/secret.hpp"
#include "envelope/context.hpp"
#include "envelope/data_key.hpp"
#include "envelope/stream.hpp"

namespace latchkey::envelope::testing {

inline RawId raw_id(std::uint8_t first) {
  RawId id{};
  id[0] = first;
  return id;
}

inline Uuid compartment(std::uint8_t first = 5) {
  Uuid uuid{};
  uuid.data[0] = first;
  return uuid;
}

inline DataKey key(std::uint8_t fill = 1, std::uint8_t id = 9) {
  return DataKey::create(raw_id(id), crypto::SecretBytes(Bytes(32, fill))).value();
}

inline CanonicalContext form(const Context& context) {
  return canonicalize(context).value();
}

// Bytes that repeat in no chunk of a stream.
inline Bytes plaintext_of(std::size_t size) {
  Bytes bytes(size);
  std::uint32_t state = 7;
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

// Writes to the end of `out`, which it must not outlive.
inline StreamSink append_to(Bytes& out) {
  return [&out](ByteView part) {
    out.insert(out.end(), part.begin(), part.end());
    return Result<void>(success());
  };
}

}  // namespace latchkey::envelope::testing
