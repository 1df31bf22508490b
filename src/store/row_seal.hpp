// Seals make changes by others than Latchkey visible: every row that decides who may read what carries a seal, an
// HMAC-SHA-256 over its table, its id and all of its columns that decide something (sealed_rows.hpp). The seal's key is
// derived from the platform's root key and is not in the database. A row that somebody else made, changed or moved does
// not verify, and the store does not use it.
//
// A seal cannot show that a whole row is an older one of the same id, or that a row is gone (docs/security.md).
//
//   seal = id of the seal key (8 bytes) ‖ HMAC-SHA-256(seal key, text)
//   text = table and columns in order, each as a tag (1 byte), for texts and bytes their length (8, big endian), the
//   value
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/mutex.hpp"
#include "crypto/secret.hpp"

namespace latchkey::store {

// The text that a row's seal covers. The encoding is injective: two rows that differ in a value, in its place, or in
// whether it is present, have different texts.
class SealText {
 public:
  explicit SealText(std::string_view table) { add(table); }

  void add(std::string_view text);
  void add(const std::string& text) { add(std::string_view(text)); }
  void add(ByteView bytes);
  void add(const Bytes& bytes) { add(ByteView(bytes)); }
  void add(const Uuid& id) { add(ByteView(id.data, sizeof id.data)); }
  void add(const RawId& id) { add(ByteView(id)); }
  void add(std::int64_t number);
  void add(Timestamp time) { add(std::int64_t{time.time_since_epoch().count()}); }
  void add(bool) = delete;  // would be taken for a number unseen
  template <class Value>
  void add(const std::optional<Value>& value) {
    value ? add(*value) : add_absent();
  }
  template <class... Values>
  void add_each(const Values&... values) {
    (add(values), ...);
  }

  [[nodiscard]] ByteView bytes() const { return bytes_; }

 private:
  void add_absent();
  void add_sized(char tag, ByteView value);

  Bytes bytes_;
};

using SealKeyId = std::array<std::uint8_t, 8>;

struct SealKey {
  SealKeyId id{};
  crypto::SecretBytes key;  // 32 bytes
};

enum class SealVerdict {
  Good,
  Missing,     // no seal, or one of another form
  UnknownKey,  // of a root key that this process does not have
  Wrong,       // the row differs from what was sealed
  NotAsked,    // the seal is right, but the query asked for another row
  Gone,        // another row says that this one must exist
};

// Seals under the newest key; verifies under all keys. Thread-safe.
class RowSealer {
 public:
  // Newest first, at least one.
  using Keys = std::vector<SealKey>;
  // Returns the keys where they changed since the last call, and nothing otherwise; cheap in that case. The sealer
  // calls it before each seal, and where a seal names an unknown key, on the store's threads, one call at a time.
  // Empty: the keys never change.
  using Reload = std::function<std::optional<Keys>()>;

  explicit RowSealer(Keys keys, Reload reload = {});

  [[nodiscard]] Bytes seal(const SealText& text) const;
  [[nodiscard]] SealVerdict check(const SealText& text, ByteView seal) const;
  // True where the newest key made the seal. Does not verify it.
  [[nodiscard]] bool is_newest(ByteView seal) const;
  [[nodiscard]] SealKeyId newest() const;
  [[nodiscard]] bool knows(const SealKeyId& id) const;

 private:
  using SharedKeys = std::shared_ptr<const Keys>;
  [[nodiscard]] SharedKeys keys() const;
  [[nodiscard]] SharedKeys reload() const;

  mutable Mutex mutex_;
  mutable SharedKeys keys_ LATCHKEY_GUARDED_BY(mutex_);
  Reload reload_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::store
