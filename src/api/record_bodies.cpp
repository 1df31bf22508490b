#include "api/record_bodies.hpp"

#include <optional>
#include <utility>

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include "base/encoding.hpp"
#include "base/json_fields.hpp"
#include "crypto/wiping_resource.hpp"

namespace latchkey::api {

namespace json = boost::json;

namespace {

// OpenSSL decodes whole groups of three bytes, so up to two more than the text stands for.
constexpr std::size_t kDecodeSlack = 2;

Error invalid(std::string message) {
  return Error{ErrorCode::Invalid, std::move(message)};
}

std::string_view name_of(RecordField field) {
  return field == RecordField::Plaintext ? "plaintext" : "ciphertext";
}

// An item as its body has it.
struct SentItem {
  std::string_view text;  // base64
  std::size_t first_pair = 0;
  std::size_t last_pair = 0;  // behind the last one
};

// Where an item's bytes lie: a plaintext in the middle of the record that it will be.
std::size_t record_size(RecordField field, std::size_t bytes) {
  return field == RecordField::Plaintext ? envelope::sealed_size(bytes) : bytes;
}

MutableBytes bytes_in(MutableBytes record, RecordField field) {
  return field == RecordField::Plaintext ? record.subspan(envelope::kRecordBodyOffset) : record;
}

// Takes a body apart while Boost.JSON reads it, as long as it has the usual shape: no field that is not known or is
// there twice, no other type, no escapes. It gives up everything else, and the texts that it keeps are the body's own.
class ShapeReader {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  ShapeReader(std::string_view body, RecordField field, bool has_items)
      : body_(body), field_(name_of(field)), has_items_(has_items) {}

  std::vector<SentItem> items;
  std::vector<envelope::ContextPair> pairs;
  [[nodiscard]] bool is_whole() const { return level_ == Level::End; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }

  bool on_object_begin(json::error_code& error) {
    if (level_ == Level::Begin && has_items_) return enter(Level::Body);
    if ((level_ == Level::Begin && !has_items_) || level_ == Level::Items) {
      items.push_back({.text = {}, .first_pair = pairs.size(), .last_pair = pairs.size()});
      has_text_ = has_context_ = false;
      return items.size() <= kMostItems ? enter(Level::Item) : give_up(error);
    }
    if (level_ == Level::Item && key_ == "context" && !has_context_) {
      has_context_ = true;
      return enter(Level::Context);
    }
    return give_up(error);
  }
  bool on_object_end(std::size_t, json::error_code& error) {
    if (level_ == Level::Context) {
      items.back().last_pair = pairs.size();
      return enter(Level::Item);
    }
    if (level_ == Level::Item) return has_text_ ? enter(has_items_ ? Level::Items : Level::End) : give_up(error);
    return level_ == Level::Body && read_items_ ? enter(Level::End) : give_up(error);
  }
  bool on_array_begin(json::error_code& error) {
    if (level_ != Level::Body || key_ != "items" || read_items_) return give_up(error);
    read_items_ = true;
    return enter(Level::Items);
  }
  bool on_array_end(std::size_t, json::error_code&) { return enter(Level::Body); }

  bool on_key_part(json::string_view, std::size_t, json::error_code& error) { return give_up(error); }
  bool on_key(json::string_view part, std::size_t size, json::error_code& error) {
    if (!is_of_body(part, size)) return give_up(error);
    key_ = {part.data(), part.size()};
    bool is_known = level_ == Level::Context || (level_ == Level::Body && key_ == "items") ||
                    (level_ == Level::Item && (key_ == field_ || key_ == "context"));
    return is_known || give_up(error);
  }
  bool on_string_part(json::string_view, std::size_t, json::error_code& error) { return give_up(error); }
  bool on_string(json::string_view part, std::size_t size, json::error_code& error) {
    if (!is_of_body(part, size)) return give_up(error);
    std::string_view text(part.data(), part.size());
    if (level_ == Level::Context) {
      pairs.emplace_back(key_, text);
      return true;
    }
    if (level_ != Level::Item || key_ != field_ || has_text_) return give_up(error);
    has_text_ = true;
    items.back().text = text;
    return true;
  }

  bool on_number_part(json::string_view, json::error_code& error) { return give_up(error); }
  bool on_int64(std::int64_t, json::string_view, json::error_code& error) { return give_up(error); }
  bool on_uint64(std::uint64_t, json::string_view, json::error_code& error) { return give_up(error); }
  bool on_double(double, json::string_view, json::error_code& error) { return give_up(error); }
  bool on_bool(bool, json::error_code& error) { return give_up(error); }
  bool on_null(json::error_code& error) { return give_up(error); }
  bool on_comment_part(json::string_view, json::error_code& error) { return give_up(error); }
  bool on_comment(json::string_view, json::error_code& error) { return give_up(error); }

 private:
  enum class Level { Begin, Body, Items, Item, Context, End };

  bool enter(Level level) {
    level_ = level;
    return true;
  }
  static bool give_up(json::error_code& error) {
    error = json::error::not_exact;
    return false;
  }
  // False for a text with escapes, which the parser has put together elsewhere.
  [[nodiscard]] bool is_of_body(json::string_view part, std::size_t size) const {
    std::less_equal<const char*> before;
    return part.size() == size && before(body_.data(), part.data()) &&
           before(part.data() + part.size(), body_.data() + body_.size());
  }

  std::string_view body_;
  std::string_view field_;
  bool has_items_;
  Level level_ = Level::Begin;
  std::string_view key_;
  bool has_text_ = false;
  bool has_context_ = false;
  bool read_items_ = false;
};

// Decodes the texts to where they stay. Absent where one is not base64, or a context is not one.
std::optional<BodyRecords> lay_out(ShapeReader& read, RecordField field) {
  std::size_t size = 0;
  for (const auto& item : read.items) {
    auto decoded = base64_decoded_size(item.text);
    if (!decoded) return std::nullopt;
    size += record_size(field, *decoded) + kDecodeSlack;
  }
  BodyRecords body;
  body.memory = crypto::SecretBuffer(size);
  body.contexts.reserve(read.items.size());
  body.records.reserve(read.items.size());
  auto left = body.memory.mutable_view();
  for (const auto& item : read.items) {
    auto pairs = std::span(read.pairs).subspan(item.first_pair, item.last_pair - item.first_pair);
    auto context = envelope::canonicalize_pairs(pairs);
    auto record = left.first(record_size(field, *base64_decoded_size(item.text)));
    if (!context || !base64_decode_to(item.text, bytes_in(left, field))) return std::nullopt;
    left = left.subspan(record.size() + kDecodeSlack);
    body.contexts.push_back(std::move(context).value());
    body.records.push_back({&body.contexts.back(), record});
  }
  return body;
}

// A required base64 field, decoded.
Result<Bytes> read_base64(const json::object& object, std::string_view path, std::string_view name) {
  auto own_path = json_fields::join_path(path, name);
  const auto* value = object.if_contains(name);
  if (value == nullptr) return invalid(fmt::format("{}: Field required", own_path));
  if (!value->is_string()) return invalid(fmt::format("{}: Input should be a valid string", own_path));
  const auto& text = value->get_string();
  auto bytes = base64_decode(std::string_view(text.data(), text.size()));
  if (bytes) return bytes;
  return invalid(fmt::format("{}: Input should be base64 (RFC 4648 section 4, with padding)", own_path));
}

struct ReadItem {
  crypto::SecretBuffer bytes;
  envelope::CanonicalContext context;
};

Result<ReadItem> read_item(const json::object& object, std::string_view path, RecordField field) {
  LATCHKEY_TRYV(json_fields::refuse_unknown(object, path, {name_of(field), "context"}));
  LATCHKEY_TRY(auto bytes, read_base64(object, path, name_of(field)));
  crypto::SecretBuffer secret(std::move(bytes));
  LATCHKEY_TRY(auto context, read_context(object.if_contains("context"), json_fields::join_path(path, "context")));
  return ReadItem{std::move(secret), std::move(context)};
}

BodyRecords lay_out(std::vector<Result<ReadItem>> items, RecordField field) {
  std::size_t size = 0;
  for (const auto& item : items) size += item ? record_size(field, item.value().bytes.view().size()) : 0;
  BodyRecords body;
  body.memory = crypto::SecretBuffer(size);
  body.contexts.reserve(items.size());
  auto left = body.memory.mutable_view();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i]) {
      body.refused.emplace(i, items[i].error());
      continue;
    }
    auto& [bytes, context] = items[i].value();
    auto record = left.first(record_size(field, bytes.view().size()));
    std::ranges::copy(bytes.view(), bytes_in(record, field).begin());
    left = left.subspan(record.size());
    body.contexts.push_back(std::move(context));
    body.records.push_back({&body.contexts.back(), record});
  }
  return body;
}

Result<json::object> parse(std::string_view body) {
  return json_fields::parse_object(body, false, json::make_shared_resource<crypto::WipingResource>());
}

}  // namespace

std::optional<BodyRecords> read_usual_shape(std::string_view body, RecordField field, bool has_items) {
  json::basic_parser<ShapeReader> parser(json::parse_options(), body, field, has_items);
  json::error_code error;
  auto consumed = parser.write_some(false, body.data(), body.size(), error);
  auto& read = parser.handler();
  if (error || consumed < body.size() || !read.is_whole()) return std::nullopt;
  return lay_out(read, field);
}

Result<BodyRecords> read_record(std::string_view body, RecordField field) {
  if (auto usual = read_usual_shape(body, field, false)) return std::move(*usual);
  LATCHKEY_TRY(auto object, parse(body));
  LATCHKEY_TRY(auto item, read_item(object, "", field));
  std::vector<Result<ReadItem>> items;
  items.emplace_back(std::move(item));
  return lay_out(std::move(items), field);
}

Result<BodyRecords> read_records(std::string_view text, RecordField field) {
  if (auto usual = read_usual_shape(text, field, true)) return std::move(*usual);
  LATCHKEY_TRY(auto body, parse(text));
  LATCHKEY_TRYV(json_fields::refuse_unknown(body, "", {"items"}));
  const auto* value = body.if_contains("items");
  if (value == nullptr) return invalid("items: Field required");
  if (!value->is_array()) return invalid("items: Input should be a list");
  const auto& array = value->get_array();
  if (array.size() > kMostItems) {
    return invalid(fmt::format("items: List should have at most {} items. Got {}.", kMostItems, array.size()));
  }
  std::vector<Result<ReadItem>> items;
  items.reserve(array.size());
  for (std::size_t i = 0; i < array.size(); ++i) {
    auto path = fmt::format("items.{}", i);
    if (array[i].is_object()) {
      items.push_back(read_item(array[i].get_object(), path, field));
    } else {
      items.emplace_back(invalid(path + ": Input should be an object"));
    }
  }
  return lay_out(std::move(items), field);
}

Result<envelope::CanonicalContext> read_context(const json::value* value, std::string_view path) {
  if (value == nullptr || value->is_null()) return envelope::CanonicalContext();
  envelope::Context context;
  const auto* object = value->if_object();
  if (object == nullptr) return invalid(fmt::format("{}: Input should be an object of strings", path));
  for (const auto& field : *object) {
    std::string key(field.key().data(), field.key().size());
    LATCHKEY_TRY(auto text,
                 json_fields::read_text(field.value(), json_fields::join_path(path, json_fields::clean_text(key)),
                                        {0, envelope::kMaxContextSize}));
    context.emplace(std::move(key), std::move(text));
  }
  auto canonical = envelope::canonicalize(context);
  if (!canonical) return invalid(fmt::format("{}: {}", path, canonical.error().message()));
  return canonical;
}

}  // namespace latchkey::api
