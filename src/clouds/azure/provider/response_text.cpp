#include "clouds/azure/provider/response_text.hpp"

#include <boost/json/value.hpp>
#include <fmt/format.h>

namespace latchkey::clouds::azure {

std::string shown_text(std::string_view text, std::size_t longest) {
  std::string shown;
  bool space = false;
  for (char c : text) {
    if (c >= 0 && c <= 0x20) {
      space = !shown.empty();
      continue;
    }
    if (shown.size() >= longest) return shown + "...";
    if (space) shown += ' ';
    space = false;
    shown += (c > 0x20 && c < 0x7f) ? c : '?';
  }
  while (shown.ends_with('.')) shown.pop_back();
  return shown;
}

std::string text_field(const boost::json::object& object, std::string_view name) {
  const auto* found = object.if_contains(name);
  const auto* text = found != nullptr ? found->if_string() : nullptr;
  return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

std::string request_id_of(const http::ClientResponse& response) {
  auto id = response.headers.get("x-ms-request-id");
  return id.empty() ? std::string() : fmt::format("x-ms-request-id: {}", shown_text(id, 64));
}

}  // namespace latchkey::clouds::azure
