#include "store/names.hpp"

#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace latchkey::store {
namespace {

template <class Enum>
std::vector<std::string_view> texts_of() {
  std::vector<std::string_view> texts;
  for (auto value : kValues<Enum>) texts.push_back(to_text(value));
  return texts;
}

using Texts = std::vector<std::string_view>;

// Databases hold these texts, and clients compare those of the API.
TEST(Names, TheTextsNeverChange) {
  EXPECT_EQ(texts_of<Role>(), (Texts{"admin", "service", "compliance", "workspace"}));
  EXPECT_EQ(texts_of<DataKeyState>(), (Texts{"active", "retired", "destroyed"}));
  EXPECT_EQ(texts_of<KeyHealthState>(),
            (Texts{"unknown", "healthy", "degraded", "refused", "unreachable", "suspended"}));
  EXPECT_EQ(texts_of<RewrapState>(), (Texts{"running", "paused", "stopped", "completed"}));
  EXPECT_EQ(texts_of<NoticeKind>(), (Texts{"forget_key", "forget_data_keys", "rows_changed"}));
  EXPECT_EQ(texts_of<WebhookDeliveryState>(), (Texts{"pending", "delivered", "failed"}));
}

template <class Enum>
void expect_every_text_read_back() {
  for (auto value : kValues<Enum>) EXPECT_EQ(from_text<Enum>(to_text(value)), value) << to_text(value);
  for (const auto* text : {"", "Admin", "activ", "activee", "no such text"}) {
    EXPECT_EQ(from_text<Enum>(text), std::nullopt) << text;
  }
}

TEST(Names, EveryTextIsReadBackAndNoOther) {
  expect_every_text_read_back<Role>();
  expect_every_text_read_back<DataKeyState>();
  expect_every_text_read_back<KeyHealthState>();
  expect_every_text_read_back<RewrapState>();
  expect_every_text_read_back<NoticeKind>();
  expect_every_text_read_back<WebhookDeliveryState>();
}

}  // namespace
}  // namespace latchkey::store
