#include "kms/providers.hpp"

#include <algorithm>
#include <set>

#include <boost/algorithm/string/join.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include "base/json_fields.hpp"

namespace latchkey::kms {

namespace json = boost::json;
using json_fields::join_path;

namespace {

Error about(std::string_view path, std::string_view complaint) {
  return Error{ErrorCode::Invalid, fmt::format("{}: {}", path, complaint)};
}

// "'a', 'b' or 'c'".
std::string one_of(const std::set<std::string_view>& types) {
  std::string text;
  for (auto type = types.begin(); type != types.end(); ++type) {
    const auto* before = type == types.begin() ? "" : std::next(type) == types.end() ? " or " : ", ";
    text += fmt::format("{}'{}'", before, *type);
  }
  return text;
}

}  // namespace

Providers::Providers(std::shared_ptr<KeyProvider> local, std::vector<std::shared_ptr<Provider>> clouds,
                     std::span<const std::string_view> types_of_the_contract)
    : local_(std::move(local)),
      clouds_(std::move(clouds)),
      types_of_the_contract_(types_of_the_contract.begin(), types_of_the_contract.end()),
      stored_keys_([this](std::string_view type, const json::object& config) -> Result<std::shared_ptr<const Key>> {
        const auto* cloud = find(type);
        if (cloud == nullptr) return Error{ErrorCode::Internal, fmt::format("unknown provider {}", type)};
        return cloud->read_stored(config);
      }) {}

Provider* Providers::find(std::string_view type) const {
  auto found = std::ranges::find(clouds_, type, [](const auto& cloud) { return cloud->type(); });
  return found == clouds_.end() ? nullptr : found->get();
}

const Provider* Providers::cloud_of(const Key& key) const {
  return find(key.type());
}

Result<std::shared_ptr<const Key>> Providers::parse(const json::value& config, std::string_view path) const {
  const auto* object = config.if_object();
  if (object == nullptr) return about(path, "Input should be an object");
  LATCHKEY_TRY(auto type, json_fields::required_text(*object, path, "type", {}));
  if (const auto* cloud = find(type)) return cloud->parse(*object, path);
  std::set<std::string_view> known(types_of_the_contract_.begin(), types_of_the_contract_.end());
  std::vector<std::string> served;
  for (const auto& cloud : clouds_) {
    known.insert(cloud->type());
    served.push_back(fmt::format("{} with '{}'", cloud->title(), cloud->type()));
  }
  if (!known.contains(type)) return about(join_path(path, "type"), "Input should be " + one_of(known));
  return about(join_path(path, "type"), fmt::format("'{}' is not supported by this server yet; register {}", type,
                                                    boost::algorithm::join(served, " or ")));
}

Result<std::shared_ptr<const Key>> Providers::read_stored(std::string_view type, const std::string& text) const {
  return stored_keys_.read(type, text);
}

Result<KeyProvider*> Providers::provider_of(const KeyLocation& key) const {
  if (key.is_local()) {
    if (local_) return local_.get();
    return Error{ErrorCode::Invalid, "this server has no root key of its own: set root_key_file"};
  }
  if (auto* cloud = find(key.key().type())) return cloud;
  return Error{ErrorCode::Invalid, fmt::format("this server knows no keys of type {}", key.key().type())};
}

Task<Result<WrappedKey>> Providers::wrap(const KeyLocation& key, const Binding& binding,
                                         const crypto::SecretBytes& secret, Deadline deadline) {
  LATCHKEY_CO_TRY(auto* provider, provider_of(key));
  co_return co_await provider->wrap(key, binding, secret, deadline);
}

Task<Result<UnwrappedKey>> Providers::unwrap(const KeyLocation& key, const Binding& binding, const WrappedKey& wrapped,
                                             Deadline deadline) {
  LATCHKEY_CO_TRY(auto* provider, provider_of(key));
  co_return co_await provider->unwrap(key, binding, wrapped, deadline);
}

Task<Result<KeyDescription>> Providers::describe(const KeyLocation& key, Deadline deadline) {
  LATCHKEY_CO_TRY(auto* provider, provider_of(key));
  co_return co_await provider->describe(key, deadline);
}

}  // namespace latchkey::kms
