#include "store/sql/cells.hpp"

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace latchkey::store {
namespace {

using Null = std::monostate;
using Cell = std::variant<Null, std::int64_t, std::string, Bytes, double>;
using CellRow = std::vector<Cell>;

// An engine that returns what was bound as its only row.
class EchoStatement final : public EngineStatement {
 public:
  explicit EchoStatement(std::shared_ptr<CellRow> cells) : cells_(std::move(cells)) {}

  void bind_integer(int parameter, std::int64_t value) override { keep(parameter, value); }
  void bind_text(int parameter, std::string_view value) override { keep(parameter, std::string(value)); }
  void bind_bytes(int parameter, ByteView value) override { keep(parameter, to_bytes(value)); }
  void bind_null(int parameter) override { keep(parameter, Null()); }
  Result<bool> step() override { return true; }

  CellType type(int column) const override {
    constexpr std::array kTypes{CellType::Null, CellType::Integer, CellType::Text, CellType::Bytes, CellType::Other};
    return kTypes.at(at(column).index());
  }
  std::int64_t integer(int column) const override { return value<std::int64_t>(column); }
  std::string_view text(int column) const override { return value<std::string>(column); }
  ByteView bytes(int column) const override { return value<Bytes>(column); }

 private:
  void keep(int parameter, Cell cell) {
    EXPECT_EQ(static_cast<std::size_t>(parameter), cells_->size() + 1);
    cells_->push_back(std::move(cell));
  }
  const Cell& at(int column) const { return cells_->at(static_cast<std::size_t>(column)); }
  template <class Value>
  const Value& value(int column) const {
    static const Value kNone{};
    const auto* value = std::get_if<Value>(&at(column));
    return value != nullptr ? *value : kNone;
  }

  std::shared_ptr<CellRow> cells_;
};

template <class Value>
void expect_kept_as(const Value& value, const CellRow& expected) {
  auto cells = std::make_shared<CellRow>();
  Statement statement(std::make_unique<EchoStatement>(cells));
  Cells<Value>::bind(statement, value);
  EXPECT_EQ(*cells, expected);
  EXPECT_EQ(cells->size(), Cells<Value>::kCount);
  Row row(statement);
  EXPECT_EQ(Cells<Value>::read(row), value);
  EXPECT_FALSE(row.damaged());
}

TEST(Cells, KeepEachTypeInItsShapeAndReadItBack) {
  Bytes bytes{1, 2, 3};
  Timestamp time(std::chrono::microseconds(7));
  RawId raw_id{9};
  Uuid uuid{{8}};
  Bytes uuid_bytes(uuid.begin(), uuid.end());
  expect_kept_as<std::int64_t>(-5, {-5});
  expect_kept_as<std::string>("text", {"text"});
  expect_kept_as<std::string>("", {""});
  expect_kept_as(bytes, {bytes});
  expect_kept_as(Bytes(), {Bytes()});
  expect_kept_as(uuid, {uuid_bytes});
  expect_kept_as(raw_id, {Bytes(raw_id.begin(), raw_id.end())});
  expect_kept_as(time, {7});
  expect_kept_as(true, {1});
  expect_kept_as(false, {0});
  expect_kept_as(std::chrono::milliseconds(250), {250});
  expect_kept_as(Role::Compliance, {"compliance"});
  expect_kept_as<std::optional<std::string>>("text", {"text"});
  expect_kept_as<std::optional<std::string>>(std::nullopt, {Null()});
  expect_kept_as<std::optional<Timestamp>>(time, {7});
  expect_kept_as<std::map<std::string, std::string>>({{"a", "1"}, {"b", "\xff"}}, {"{\"a\":\"1\",\"b\":\"\xff\"}"});
  expect_kept_as<std::vector<std::string>>({"one", "two"}, {"one,two"});
  expect_kept_as<std::vector<std::string>>({}, {""});
  expect_kept_as(WrappedSecret{"v1", bytes}, {"v1", bytes});
  expect_kept_as<std::optional<ExpiringSecret>>(ExpiringSecret{{"v1", bytes}, time}, {"v1", bytes, 7});
  expect_kept_as<std::optional<ExpiringSecret>>(std::nullopt, {Null(), Null(), Null()});
}

template <class Value>
bool is_damage(const CellRow& cells) {
  Statement statement(std::make_unique<EchoStatement>(std::make_shared<CellRow>(cells)));
  Row row(statement);
  (void)Cells<Value>::read(row);
  return row.damaged();
}

TEST(Cells, AValueOfAnotherShapeIsDamage) {
  struct Case {
    const char* what;
    std::function<bool(const CellRow&)> read;
    CellRow cells;
  };
  const Case cases[]{
      {"an integer for a text", is_damage<std::string>, {1}},
      {"no text", is_damage<std::string>, {Null()}},
      {"a text for an integer", is_damage<std::int64_t>, {"1"}},
      {"a fraction", is_damage<std::int64_t>, {1.5}},
      {"a flag of 2", is_damage<bool>, {2}},
      {"a text for bytes", is_damage<Bytes>, {"bytes"}},
      {"a short id", is_damage<RawId>, {Bytes(15)}},
      {"a long UUID", is_damage<Uuid>, {Bytes(17)}},
      {"a role that there is not", is_damage<Role>, {"owner"}},
      {"an integer for an optional text", is_damage<std::optional<std::string>>, {1}},
      {"tags that are no JSON", is_damage<std::map<std::string, std::string>>, {"{"}},
      {"tags that are no object", is_damage<std::map<std::string, std::string>>, {"[]"}},
      {"a tag that is no text", is_damage<std::map<std::string, std::string>>, {"{\"a\":1}"}},
      {"a part of a secret", is_damage<std::optional<ExpiringSecret>>, {"v1", Null(), 7}},
  };
  for (const auto& c : cases) EXPECT_TRUE(c.read(c.cells)) << c.what;
}

}  // namespace
}  // namespace latchkey::store
