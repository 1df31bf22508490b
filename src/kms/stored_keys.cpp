#include "kms/stored_keys.hpp"

#include <boost/json/object.hpp>

#include "base/json_fields.hpp"

namespace latchkey::kms {

namespace {

// More keys than are in use at once. One more key empties the cache.
constexpr std::size_t kMostKept = 65'536;

}  // namespace

Result<std::shared_ptr<const Key>> StoredKeys::read(std::string_view type, const std::string& text) const {
  {
    MutexLock lock(mutex_);
    if (auto found = by_text_.find(text); found != by_text_.end() && found->second->type() == type) {
      return found->second;
    }
  }
  LATCHKEY_TRY(auto config, json_fields::parse_object(text));
  LATCHKEY_TRY(auto key, read_key_(type, config));
  MutexLock lock(mutex_);
  if (by_text_.size() >= kMostKept) by_text_.clear();
  by_text_.insert_or_assign(text, key);
  return key;
}

}  // namespace latchkey::kms
