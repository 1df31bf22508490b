#include <charconv>

#include <fmt/format.h>

#include "base/encoding.hpp"
#include "clouds/azure/emulator/vault/vault_call.hpp"

namespace latchkey::clouds::azure::emulator {

namespace json = boost::json;

namespace {

constexpr std::size_t kMaxPage = 25;

struct Paging {
  std::size_t size = kMaxPage;
  std::string after;  // begin behind the item of this name
};

Outcome<Paging> read_paging(const http::Request& request) {
  Paging paging;
  if (auto text = http::query_parameter(request, "maxresults")) {
    auto [end, failed] = std::from_chars(text->data(), text->data() + text->size(), paging.size);
    if (failed != std::errc() || end != text->data() + text->size() || paging.size < 1 || paging.size > kMaxPage) {
      return bad_parameter("Invalid value for maxresults: it must be between 1 and 25.");
    }
  }
  if (auto token = http::query_parameter(request, "$skiptoken"); token && !token->empty()) {
    auto decoded = base64url_decode(*token);
    if (!decoded) return bad_parameter("Invalid value for $skiptoken.");
    paging.after = as_text(decoded.value());
  }
  return paging;
}

enum class Order {
  ByName,  // a page begins after the last name, also where that item has been deleted
  AsMade,  // a page begins after the item of that name
};

// Fills `page` from `items` and links to the next one.
template <class Items, class Name, class Render>
Outcome<json::object> page_of(const VaultCall& call, const Items& items, Order order, Name name, Render render) {
  LATCHKEY_TRY(auto paging, read_paging(call.request));
  json::array page;
  json::value next = nullptr;
  std::string last;
  bool begun = paging.after.empty();
  for (const auto& item : items) {
    if (!begun && order == Order::AsMade) {
      begun = name(item) == paging.after;
      continue;
    }
    if (!begun && name(item) <= paging.after) continue;
    if (page.size() == paging.size) {
      next = fmt::format("https://{}{}?api-version={}&$skiptoken={}&maxresults={}", call.authority, call.request.path,
                         percent_encode(call.api_version), base64url_encode(as_bytes(last)), paging.size);
      break;
    }
    page.push_back(render(item));
    last = name(item);
  }
  if (!begun && order == Order::AsMade) return bad_parameter("Invalid value for $skiptoken.");
  return json::object{{"value", std::move(page)}, {"nextLink", std::move(next)}};
}

}  // namespace

Outcome<json::object> list_keys(VaultCall& call) {
  std::vector<const Key*> present;
  for (const auto& [name, key] : call.vault.keys) {
    if (!is_coming_back(key, call)) present.push_back(&key);
  }
  return page_of(
      call, present, Order::ByName, [](const Key* key) { return lower(key->name); },
      [&](const Key* key) { return key_item(call, call.vault, *key, key->versions.back(), false); });
}

Outcome<json::object> list_versions(VaultCall& call) {
  auto found = find_key(call, call.vault);
  // A key that does not exist has no versions, which is no error.
  if (!found) {
    LATCHKEY_TRYV(read_paging(call.request));
    return json::object{{"value", json::array()}, {"nextLink", nullptr}};
  }
  const auto& key = *found.value().key;
  return page_of(
      call, key.versions, Order::AsMade, [](const KeyVersion& version) { return version.id; },
      [&](const KeyVersion& version) { return key_item(call, call.vault, key, version, true); });
}

Outcome<json::object> list_deleted_keys(VaultCall& call) {
  std::vector<const DeletedKey*> present;
  for (const auto& [name, deleted] : call.vault.deleted_keys) {
    if (deleted.purge_at > call.now && !is_on_its_way(deleted, call)) present.push_back(&deleted);
  }
  return page_of(
      call, present, Order::ByName, [](const DeletedKey* deleted) { return lower(deleted->key.name); },
      [&](const DeletedKey* deleted) {
        auto item = key_item(call, call.vault, deleted->key, deleted->key.versions.back(), false);
        add_deletion(call, *deleted, item);
        return item;
      });
}

}  // namespace latchkey::clouds::azure::emulator
