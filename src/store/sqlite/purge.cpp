#include "store/sqlite/purge.hpp"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <memory>
#include <unordered_map>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "store/sqlite/statement.hpp"

namespace latchkey::store {

namespace {

constexpr std::size_t kChunk = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kMostCompared = 32;
constexpr std::size_t kLeastCompared = 16;
constexpr std::size_t kFilterSize = 65536;

std::uint64_t first_eight(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// The ends of what is looked for, by their first eight bytes; the filter passes nearly all of a file over. Not the
// beginnings: those may be a format's own, and the same in all.
class Needles {
 public:
  explicit Needles(std::span<const Bytes> wanted) {
    for (const auto& bytes : wanted) {
      if (bytes.size() < kLeastCompared) continue;
      auto end = ByteView(bytes).last(std::min(bytes.size(), kMostCompared));
      auto key = first_eight(end.data());
      filter_->set(key % kFilterSize);
      ends_.emplace(key, end);
    }
  }

  [[nodiscard]] bool empty() const { return ends_.empty(); }

  [[nodiscard]] bool found_in(ByteView haystack) const {
    for (std::size_t i = 0; i + kLeastCompared <= haystack.size(); ++i) {
      auto key = first_eight(haystack.data() + i);
      if (!filter_->test(key % kFilterSize)) continue;
      auto [first, last] = ends_.equal_range(key);
      for (auto it = first; it != last; ++it) {
        auto rest = haystack.subspan(i);
        if (rest.size() >= it->second.size() && std::ranges::equal(it->second, rest.first(it->second.size()))) {
          return true;
        }
      }
    }
    return false;
  }

 private:
  std::unique_ptr<std::bitset<kFilterSize>> filter_ = std::make_unique<std::bitset<kFilterSize>>();
  std::unordered_multimap<std::uint64_t, ByteView> ends_;
};

Result<void> empty_wal(Connection& connection) {
  // One row: whether it was kept from it, and two sizes.
  LATCHKEY_TRY(auto busy, connection.query_integer("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (busy == 0) return success();
  Error error{
      ErrorCode::Unavailable,
      fmt::format("The database {} is being read by another process, so that what was destroyed may still be in "
                  "its -wal. End what reads it (a backup?), then try again.",
                  connection.path())};
  error.retry_after = std::chrono::seconds(5);
  return error;
}

}  // namespace

Bytes mask_erased(ByteView wrapped) {
  constexpr std::uint8_t kMask = 0x5a;
  auto end = wrapped.last(std::min(wrapped.size(), kMostCompared));
  Bytes masked(end.begin(), end.end());
  for (auto& byte : masked) byte ^= kMask;
  return masked;
}

Result<PendingForms> pending_forms(Connection& connection) {
  LATCHKEY_TRY(auto statement, connection.prepare("SELECT id, masked FROM erased_forms WHERE pending = 1 ORDER BY id"));
  PendingForms pending;
  for (;;) {
    LATCHKEY_TRY(bool more, statement.step());
    if (!more) return pending;
    Row row(statement);
    pending.ids.push_back(row.integer());
    // Masked twice it is what it was.
    pending.erased.push_back(mask_erased(row.bytes()));
  }
}

Result<void> forget_forms(Connection& connection, const PendingForms& searched) {
  LATCHKEY_TRY(auto statement,
               connection.prepare("DELETE FROM erased_forms WHERE id IN (SELECT value FROM json_each(?))"));
  statement.bind(boost::json::serialize(boost::json::value_from(searched.ids)));
  LATCHKEY_TRYV(statement.step());
  return success();
}

Result<void> purge_pending(Connection& connection) {
  LATCHKEY_TRY(auto pending, pending_forms(connection));
  if (pending.ids.empty()) return success();
  LATCHKEY_TRYV(purge_files(connection, pending.erased));
  return forget_forms(connection, pending);
}

Result<bool> file_contains(const Connection& connection, std::span<const Bytes> wanted) {
  Needles needles(wanted);
  if (needles.empty()) return false;
  for (std::int64_t offset = 0;; offset += static_cast<std::int64_t>(kChunk)) {
    // Chunks overlap, for what lies across two of them.
    LATCHKEY_TRY(auto bytes, connection.read_file(offset, kChunk + kMostCompared));
    if (needles.found_in(bytes)) return true;
    if (bytes.size() < kChunk) return false;
  }
}

Result<void> purge_files(Connection& connection, std::span<const Bytes> erased) {
  LATCHKEY_TRYV(empty_wal(connection));
  LATCHKEY_TRY(auto found, file_contains(connection, erased));
  if (!found) return success();
  LATCHKEY_TRYV(connection.execute("VACUUM"));
  LATCHKEY_TRYV(empty_wal(connection));
  LATCHKEY_TRY(found, file_contains(connection, erased));
  if (!found) return success();
  return Error{ErrorCode::Internal,
               fmt::format("Bytes that were destroyed are still in {}: they were written there more than once. Restore "
                           "no backup over it, and keep the file from others.",
                           connection.path())};
}

}  // namespace latchkey::store
