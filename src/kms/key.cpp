#include "kms/key.hpp"

#include <boost/json/object.hpp>

namespace latchkey::kms {

namespace json = boost::json;

json::object LocalKey::to_json() const {
  return {{"type", type()}};
}

KeyLocation::KeyLocation() {
  static const auto kLocal = std::make_shared<const LocalKey>();
  key_ = kLocal;
}

bool KeyLocation::operator==(const KeyLocation& other) const {
  return key_ == other.key_ || key_->to_json() == other.key_->to_json();
}

}  // namespace latchkey::kms
