#include "store/sql/statement.hpp"

#include <algorithm>

namespace latchkey::store {

std::int64_t Row::integer() {
  return engine_.integer(take(CellType::Integer));
}

bool Row::flag() {
  auto value = integer();
  if (value != 0 && value != 1) mark_damaged();
  return value != 0;
}

std::string Row::text() {
  return std::string(engine_.text(take(CellType::Text)));
}

Bytes Row::bytes() {
  return to_bytes(engine_.bytes(take(CellType::Bytes)));
}

std::optional<Bytes> Row::optional_bytes() {
  if (take_null()) return std::nullopt;
  return bytes();
}

Uuid Row::uuid() {
  return id<Uuid>();
}

RawId Row::raw_id() {
  return id<RawId>();
}

Timestamp Row::timestamp() {
  return Timestamp(std::chrono::microseconds(integer()));
}

bool Row::take_null() {
  if (engine_.type(next_) != CellType::Null) return false;
  ++next_;
  return true;
}

int Row::take(CellType type) {
  if (engine_.type(next_) != type) mark_damaged();
  return next_++;
}

template <class Id>
Id Row::id() {
  Id value{};
  auto bytes = engine_.bytes(take(CellType::Bytes));
  if (bytes.size() != value.size()) {
    mark_damaged();
    return value;
  }
  std::ranges::copy(bytes, value.begin());
  return value;
}

}  // namespace latchkey::store
