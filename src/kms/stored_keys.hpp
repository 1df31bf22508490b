// Keys as the store keeps them, each read once: the store's checks and every encrypt ask for the same few keys again
// and again, and reading one parses JSON.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/json/fwd.hpp>

#include "base/mutex.hpp"
#include "kms/key.hpp"

namespace latchkey::kms {

// Thread-safe.
class StoredKeys {
 public:
  // Reads what Key::to_json of a key of that type gave; its errors are those of read().
  using ReadKey =
      std::function<Result<std::shared_ptr<const Key>>(std::string_view type, const boost::json::object& config)>;
  explicit StoredKeys(ReadKey read_key) : read_key_(std::move(read_key)) {}

  // The key of that type which `text` describes. Errors: the text is no JSON object; those of ReadKey.
  [[nodiscard]] Result<std::shared_ptr<const Key>> read(std::string_view type, const std::string& text) const;

 private:
  ReadKey read_key_;
  mutable Mutex mutex_;
  mutable std::unordered_map<std::string, std::shared_ptr<const Key>> by_text_ LATCHKEY_GUARDED_BY(mutex_);
};

}  // namespace latchkey::kms
