#include "store/sqlite/purge.hpp"

#include <algorithm>
#include <bitset>
#include <cstring>
#include <memory>
#include <unordered_map>

#include <fmt/format.h>

namespace latchkey::store {

namespace {

constexpr std::size_t kChunk = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kMostCompared = kErasedFormSize;
constexpr std::size_t kLeastCompared = 16;
constexpr std::size_t kFilterSize = 65536;

std::uint64_t first_eight(const std::uint8_t* bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

// The ends of the forms, by their first eight bytes; this filter skips nearly all of a file. Their beginnings do not
// work: those may be a format's own, and the same in all.
class Needles {
 public:
  explicit Needles(std::span<const NotedForm> wanted) : found_(wanted.size()) {
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto& form = wanted[i].form;
      if (form.size() < kLeastCompared) continue;
      auto end = ByteView(form).last(std::min(form.size(), kMostCompared));
      auto key = first_eight(end.data());
      filter_->set(key % kFilterSize);
      ends_.emplace(key, Needle{end, i});
    }
  }

  [[nodiscard]] bool empty() const { return ends_.empty(); }
  // Indexed like `wanted`.
  [[nodiscard]] const std::vector<bool>& found() const { return found_; }

  void look_through(ByteView haystack) {
    for (std::size_t i = 0; i + kLeastCompared <= haystack.size(); ++i) {
      auto key = first_eight(haystack.data() + i);
      if (!filter_->test(key % kFilterSize)) continue;
      auto [first, last] = ends_.equal_range(key);
      for (auto it = first; it != last; ++it) {
        const auto& [end, place] = it->second;
        auto rest = haystack.subspan(i);
        if (rest.size() >= end.size() && std::ranges::equal(end, rest.first(end.size()))) found_[place] = true;
      }
    }
  }

 private:
  struct Needle {
    ByteView end;
    std::size_t place;
  };

  std::unique_ptr<std::bitset<kFilterSize>> filter_ = std::make_unique<std::bitset<kFilterSize>>();
  std::unordered_multimap<std::uint64_t, Needle> ends_;
  std::vector<bool> found_;
};

}  // namespace

Error purge_stopped(const std::string& path) {
  return Error{ErrorCode::Unavailable,
               fmt::format("The search of the database {} was ended with the server. Its next start goes on.", path)};
}

Result<std::vector<NotedForm>> noted_forms(SqliteConnection& connection) {
  LATCHKEY_TRY(auto statement, connection.prepare("SELECT id, pending, masked FROM erased_forms ORDER BY id"));
  std::vector<NotedForm> noted;
  for (;;) {
    LATCHKEY_TRY(bool more, statement.step());
    if (!more) return noted;
    Row row(statement);
    NotedForm form;
    form.id = row.integer();
    form.destroyed = row.flag();
    // Masking twice restores the bytes.
    form.form = mask_erased(row.bytes());
    noted.push_back(std::move(form));
  }
}

Result<bool> has_pending_forms(SqliteConnection& connection, const Uuid& compartment) {
  // Starts from the compartment's data keys: the notes of others may be many and stay long.
  LATCHKEY_TRY(auto statement,
               connection.prepare("SELECT EXISTS (SELECT 1 FROM data_keys AS key CROSS JOIN erased_forms AS form ON "
                                  "form.data_key = key.id AND form.pending = 1 WHERE key.compartment = ?)"));
  statement.bind(compartment);
  LATCHKEY_TRYV(statement.step());
  return Row(statement).integer() != 0;
}

Result<bool> freeze_file(SqliteConnection& writer, SqliteConnection& searcher) {
  // The result is one row: whether the checkpoint was blocked, and two sizes.
  LATCHKEY_TRY(auto busy, writer.query_integer("PRAGMA wal_checkpoint(TRUNCATE)"));
  if (busy != 0) return false;
  LATCHKEY_TRYV(searcher.execute("BEGIN"));
  auto begin = [&]() -> Result<bool> {
    // The first access to the file begins the read.
    LATCHKEY_TRY([[maybe_unused]] auto begun, searcher.query_integer("SELECT count(*) FROM sqlite_schema"));
    // A read of an empty -wal prevents copying it to the file; a read of a -wal to which another process has written
    // since would not.
    LATCHKEY_TRY(auto size, searcher.wal_size());
    return size == 0;
  };
  auto begun = begin();
  if (begun && begun.value()) return true;
  if (searcher.in_transaction()) {
    LATCHKEY_TRYV(searcher.execute("ROLLBACK"));
  }
  return begun;
}

Result<std::vector<NotedForm>> find_in_file(const SqliteConnection& connection, std::span<const NotedForm> wanted,
                                            const std::stop_token& stop) {
  std::vector<NotedForm> found;
  Needles needles(wanted);
  if (needles.empty()) return found;
  for (std::int64_t offset = 0;; offset += static_cast<std::int64_t>(kChunk)) {
    if (stop.stop_requested()) return purge_stopped(connection.path());
    // Chunks overlap, so that a form across two of them is found.
    LATCHKEY_TRY(auto bytes, connection.read_file(offset, kChunk + kMostCompared));
    needles.look_through(bytes);
    if (bytes.size() < kChunk) break;
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (needles.found()[i]) found.push_back(wanted[i]);
  }
  return found;
}

Result<void> forget_forms(SqliteConnection& writer, std::span<const NotedForm> searched) {
  LATCHKEY_TRYV(writer.execute("BEGIN IMMEDIATE"));
  auto forget = [&]() -> Result<void> {
    for (const auto& form : searched) {
      LATCHKEY_TRY(auto statement, writer.prepare("DELETE FROM erased_forms WHERE id = ? AND masked = ?"));
      statement.bind(form.id);
      statement.bind(mask_erased(form.form));
      LATCHKEY_TRYV(statement.step());
    }
    return writer.execute("COMMIT");
  };
  auto forgotten = forget();
  if (!forgotten && writer.in_transaction()) (void)writer.execute("ROLLBACK");  // the caller gets the first failure
  return forgotten;
}

}  // namespace latchkey::store
