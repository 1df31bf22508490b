// The caller's context: a string map that is authenticated with the data and never stored. Both sides hash its
// canonical form, so that {"a":1,"b":2} in any order is one context:
//
//   for each pair, sorted by the bytes of the key:  length of key (4 bytes, big-endian) ‖ key ‖ length of value ‖ value
//
// The form of an empty map is empty. Pure functions; thread-safe.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace latchkey::envelope {

using Context = std::map<std::string, std::string>;
using ContextPair = std::pair<std::string_view, std::string_view>;

inline constexpr std::size_t kMaxContextSize = std::size_t{8} * 1024;

// A context in its canonical form, made once for all records and streams that it binds.
class CanonicalContext {
 public:
  CanonicalContext() = default;  // the empty context
  [[nodiscard]] ByteView bytes() const { return bytes_; }

 private:
  explicit CanonicalContext(Bytes bytes) : bytes_(std::move(bytes)) {}
  friend Result<CanonicalContext> canonicalize_pairs(std::span<ContextPair> pairs);
  Bytes bytes_;
};

// Invalid where the canonical form is above 8 KiB, or a key or value is not UTF-8.
[[nodiscard]] Result<CanonicalContext> canonicalize(const Context& context);
// The same for pairs in any order, which it sorts; Invalid, too, where two have one key.
[[nodiscard]] Result<CanonicalContext> canonicalize_pairs(std::span<ContextPair> pairs);

}  // namespace latchkey::envelope
