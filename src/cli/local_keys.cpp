#include "cli/local_keys.hpp"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "cli/json_view.hpp"

namespace latchkey::cli {

namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr double kLongestLease = 24 * 3600;  // seconds

Error not_understood() {
  return Error{ErrorCode::Unavailable,
               "the server's answer with the data key is not understood: is it a Latchkey server of this release?"};
}

}  // namespace

Result<LocalKey> LocalKeys::ask(const std::string& path) {
  // The server's clock may be another one; counted from before the question, the lease is never too long.
  auto asked = SteadyClock::now();
  LATCHKEY_TRY(auto answer, client_.call_raw(path, "", {}));
  boost::system::error_code failed;
  // The key's text goes where secrets are, and nowhere else.
  crypto::SecretBytes memory(std::size_t{16} * 1024);
  auto room = memory.mutable_view();
  boost::json::monotonic_resource resource(room.data(), room.size());
  auto body = boost::json::parse(answer.body, failed, &resource);
  crypto::wipe(answer.body);
  if (failed || !body.is_object()) return not_understood();
  const auto* text = body.get_object().if_contains("plaintext_key");
  auto id = parse_id(id_prefix::kDataKey, text_at(body, "data_key_id"));
  auto compartment = parse_uuid(text_at(body, "compartment_id"));
  const auto* expires_in = body.get_object().if_contains("expires_in");
  if (text == nullptr || !text->is_string() || !id || !compartment) return not_understood();
  if (expires_in == nullptr || !expires_in->is_number()) return not_understood();
  std::chrono::duration<double> left(std::clamp(expires_in->to_number<double>(), 0.0, kLongestLease));
  auto bytes = base64_decode(text->get_string());
  if (!bytes) return not_understood();
  crypto::SecretBytes material(bytes.value());
  crypto::wipe(bytes.value());
  LATCHKEY_TRY(auto key, envelope::DataKey::create(id.value(), std::move(material)));
  return LocalKey{std::make_shared<const envelope::DataKey>(std::move(key)), compartment.value(),
                  asked + std::chrono::duration_cast<SteadyClock::duration>(left)};
}

Result<LocalKey> LocalKeys::for_encryption() {
  if (active_ && SteadyClock::now() < active_->ask_again_at) return *active_;
  active_.reset();
  LATCHKEY_TRY(active_, ask(fmt::format("/v1/workspaces/{}/data_keys", percent_encode(workspace_id_))));
  return *active_;
}

Result<LocalKey> LocalKeys::for_decryption(const RawId& id) {
  auto found = others_.find(id);
  if (found != others_.end() && SteadyClock::now() < found->second.ask_again_at) return found->second;
  if (found != others_.end()) others_.erase(found);
  LATCHKEY_TRY(auto key, ask(fmt::format("/v1/workspaces/{}/data_keys/{}/unwrap", percent_encode(workspace_id_),
                                         format_id(id_prefix::kDataKey, id))));
  return others_.emplace(id, std::move(key)).first->second;
}

Result<void> LocalKeys::keep(LocalKey& key) {
  if (SteadyClock::now() < key.ask_again_at) return success();
  LATCHKEY_TRY(key, for_decryption(key.key->id()));
  return success();
}

}  // namespace latchkey::cli
