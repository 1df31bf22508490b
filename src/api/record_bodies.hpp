// Reads the JSON bodies of the data plane: {"plaintext": base64, "context": {...}}, the same with "ciphertext", and
// many of them in {"items": [...]}. What they hold is laid out so that it is sealed or opened where it lies.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "base/result.hpp"
#include "crypto/secret_buffer.hpp"
#include "data/data_plane.hpp"
#include "envelope/context.hpp"

namespace latchkey::api {

enum class RecordField { Plaintext, Ciphertext };

// The items of one body. The records point into the memory and the contexts beside them.
struct BodyRecords {
  crypto::SecretBuffer memory;
  std::vector<envelope::CanonicalContext> contexts;
  std::vector<data::RecordInPlace> records;  // of the items that could be read, in their order
  std::map<std::size_t, Error> refused;      // why the item of this number could not be read
  [[nodiscard]] std::size_t items() const { return records.size() + refused.size(); }
};

inline constexpr std::size_t kMostItems = 1000;

// A body of one item. Invalid where it is not as above; the error names the field.
[[nodiscard]] Result<BodyRecords> read_record(std::string_view body, RecordField field);
// A body of many. Each item is read by itself, so that a bad one spoils no other. Invalid where the body itself is not
// as above, or has more than kMostItems items.
[[nodiscard]] Result<BodyRecords> read_records(std::string_view body, RecordField field);

// The context that a JSON object of strings stands for; empty for null. `path` names the field in errors.
[[nodiscard]] Result<envelope::CanonicalContext> read_context(const boost::json::value* value, std::string_view path);

// For tests: reads bodies of the usual shape alone, without building a document; absent for every other.
[[nodiscard]] std::optional<BodyRecords> read_usual_shape(std::string_view body, RecordField field, bool has_items);

}  // namespace latchkey::api
