// What the fuzzers share: parsing an input, a data key, and randomness that replays.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "base/random.hpp"
#include "envelope/context.hpp"
#include "envelope/data_key.hpp"

namespace latchkey::fuzzing {

// A condition that every input must satisfy; libFuzzer keeps an input that does not.
inline void require(bool holds) {
  if (!holds) std::abort();
}

// Takes values from the front of an input; behind its end there are zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : left_(data, size) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }
  std::uint8_t byte() {
    auto one = bytes(1);
    return one.empty() ? std::uint8_t{0} : one[0];
  }
  std::size_t number() {
    auto low = byte();
    return std::size_t{low} | std::size_t{byte()} << 8;
  }
  ByteView bytes(std::size_t most) {
    auto part = left_.first(std::min(most, left_.size()));
    left_ = left_.subspan(part.size());
    return part;
  }
  ByteView rest() { return bytes(left_.size()); }
  // Reads names and values, each with a byte of length.
  envelope::Context context() {
    envelope::Context context;
    for (auto pairs = byte() % 4; pairs > 0; --pairs) {
      auto name = std::string(as_text(bytes(byte())));
      context[name] = as_text(bytes(byte()));
    }
    return context;
  }

 private:
  ByteView left_;
};

// Returns the bytes that it was made with, all at once.
class Replayed final : public RandomSource {
 public:
  explicit Replayed(ByteView bytes) : bytes_(to_bytes(bytes)) {}
  void fill(MutableBytes out) override {
    require(out.size() == bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), out.begin());
  }

 private:
  Bytes bytes_;
};

inline const envelope::DataKey& data_key() {
  static const auto kKey = envelope::DataKey::create(RawId{9}, crypto::SecretBytes(Bytes(32, 1))).value();
  return kKey;
}

// Returns a damaged copy; the input selects the changes: a flipped bit, a cut, more bytes, or a piece moved to another
// place.
inline Bytes damaged(Bytes bytes, Input& input, std::size_t unit) {
  for (auto changes = input.byte() % 4; changes > 0; --changes) {
    auto how = input.byte();
    auto at = input.number();
    if (bytes.empty()) return bytes;
    auto begin = [&](std::size_t offset) { return bytes.begin() + static_cast<std::ptrdiff_t>(offset); };
    switch (how % 4) {
      case 0:
        bytes[at % bytes.size()] ^= static_cast<std::uint8_t>(1U << (how / 4 % 8));
        break;
      case 1:
        bytes.resize(at % bytes.size());
        break;
      case 2: {
        auto more = input.bytes(at % 64);
        bytes.insert(bytes.end(), more.begin(), more.end());
        break;
      }
      default: {
        auto units = (bytes.size() + unit - 1) / unit;
        auto from = at % units * unit;
        auto piece = Bytes(begin(from), begin(std::min(from + unit, bytes.size())));
        auto to = input.byte() % units * unit;
        if (how / 4 % 2 == 0) bytes.erase(begin(from), begin(std::min(from + unit, bytes.size())));
        bytes.insert(begin(std::min(to, bytes.size())), piece.begin(), piece.end());
      }
    }
  }
  return bytes;
}

}  // namespace latchkey::fuzzing
