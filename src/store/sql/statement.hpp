// An SQL statement in use, and its current row. Queries use these two classes and Connection (sql/connection.hpp), so
// that every SQL engine runs the same queries; an engine implements EngineStatement for them. Used by one thread at a
// time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/id.hpp"
#include "base/result.hpp"

namespace latchkey::store {

enum class CellType { Null, Integer, Text, Bytes, Other };

// One statement of one engine. Destroying it ends the use of the statement.
class EngineStatement {
 public:
  EngineStatement() = default;
  EngineStatement(const EngineStatement&) = delete;
  EngineStatement& operator=(const EngineStatement&) = delete;
  virtual ~EngineStatement() = default;

  // Parameters are numbered from 1. Texts and bytes are copied. An error while binding is returned by the next step().
  virtual void bind_integer(int parameter, std::int64_t value) = 0;
  virtual void bind_text(int parameter, std::string_view value) = 0;
  virtual void bind_bytes(int parameter, ByteView value) = 0;
  virtual void bind_null(int parameter) = 0;

  // True: there is a row to read. False: done.
  [[nodiscard]] virtual Result<bool> step() = 0;

  // The row's columns are numbered from 0. A value of another type than the requested one is converted, or reads as
  // empty; Row checks the type. Texts and bytes are valid until the next step.
  [[nodiscard]] virtual CellType type(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;
  [[nodiscard]] virtual std::string_view text(int column) const = 0;
  [[nodiscard]] virtual ByteView bytes(int column) const = 0;
};

class Statement {
 public:
  explicit Statement(std::unique_ptr<EngineStatement> engine) : engine_(std::move(engine)) {}

  // Each binds the next parameter. Texts and bytes are copied. An error while binding is returned by step().
  void bind(std::int64_t value) { engine_->bind_integer(++parameter_, value); }
  void bind(std::string_view value) { engine_->bind_text(++parameter_, value); }
  void bind(const std::string& value) { bind(std::string_view(value)); }
  void bind(ByteView value) { engine_->bind_bytes(++parameter_, value); }
  void bind(const Bytes& value) { bind(ByteView(value)); }
  void bind(const Uuid& value) { bind(ByteView(value.data, sizeof value.data)); }
  void bind(const RawId& value) { bind(ByteView(value)); }
  void bind(Timestamp value) { bind(std::int64_t{value.time_since_epoch().count()}); }
  void bind(std::nullopt_t) { engine_->bind_null(++parameter_); }
  void bind(bool) = delete;  // would be taken for an integer unseen
  template <class Value>
  void bind(const std::optional<Value>& value) {
    value ? bind(*value) : bind(std::nullopt);
  }

  // True: there is a row to read. False: done.
  [[nodiscard]] Result<bool> step() { return engine_->step(); }

 private:
  friend class Row;

  std::unique_ptr<EngineStatement> engine_;
  int parameter_ = 0;
};

// Reads the columns of the statement's row from left to right. A value of an unexpected type or size is damage: see
// damaged().
class Row {
 public:
  explicit Row(const Statement& statement) : engine_(*statement.engine_) {}

  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] bool flag();
  [[nodiscard]] std::string text();
  [[nodiscard]] Bytes bytes();
  [[nodiscard]] std::optional<Bytes> optional_bytes();
  [[nodiscard]] Uuid uuid();
  [[nodiscard]] RawId raw_id();
  [[nodiscard]] Timestamp timestamp();
  // True where the next column is NULL, which is then consumed; otherwise the column is still to be read.
  [[nodiscard]] bool take_null();

  void mark_damaged() { damaged_ = true; }
  [[nodiscard]] bool damaged() const { return damaged_; }

 private:
  [[nodiscard]] int take(CellType type);
  template <class Id>
  [[nodiscard]] Id id();

  const EngineStatement& engine_;
  int next_ = 0;
  bool damaged_ = false;
};

}  // namespace latchkey::store
