#include "http/read_buffer.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kSize = 10'000;

void read(ReadBuffer& buffer, std::string_view text) {
  while (!text.empty()) {
    auto room = buffer.room();
    ASSERT_FALSE(room.empty());
    auto part = text.substr(0, room.size());
    std::copy(part.begin(), part.end(), room.begin());
    buffer.commit(part.size());
    text.remove_prefix(part.size());
  }
}

// All that the buffer's memory holds behind the unread bytes.
std::string rest(ReadBuffer& buffer) {
  auto room = buffer.room();
  return {room.data(), room.size()};
}

TEST(ReadBuffer, UnreadBytesAreInOnePiece) {
  ReadBuffer buffer(kSize);
  EXPECT_TRUE(buffer.empty());
  read(buffer, "a request, and ");
  buffer.consume(11);
  read(buffer, "another");
  EXPECT_EQ(buffer.unread(), "and another");
  buffer.consume(11);
  EXPECT_TRUE(buffer.empty());
}

TEST(ReadBuffer, GrowsOnceAndHasNoRoomWhereAllIsUnread) {
  ReadBuffer buffer(kSize);
  std::string text;
  while (text.size() < kSize) text += std::to_string(text.size());
  text.resize(kSize);
  read(buffer, text);
  EXPECT_EQ(buffer.unread(), text);
  EXPECT_TRUE(buffer.room().empty());
  buffer.consume(3);
  EXPECT_EQ(buffer.room().size(), 3U);
  buffer.consume(kSize - 3);
  buffer.release();
  EXPECT_EQ(buffer.room().size(), ReadBuffer::kSmall) << "the large block is somebody else's";
}

TEST(ReadBuffer, NothingIsLeftOfWhatWasUsedWhenTheNextGetsTheBlock) {
  auto secrets = std::string(kSize / 8, 's');
  for (int i = 0; i < 8; ++i) secrets += "a secret";
  {
    ReadBuffer buffer(kSize);
    read(buffer, secrets + std::string(ReadBuffer::kSmall, 'x'));
    buffer.consume(secrets.size());
    ReadBuffer other(kSize);
    read(other, std::string(ReadBuffer::kSmall, 'x') + secrets);  // of a buffer that is destroyed with unread bytes
  }
  ReadBuffer first(kSize);
  ReadBuffer second(kSize);
  for (auto* next : {&first, &second}) {
    read(*next, std::string(ReadBuffer::kSmall, 'x'));
    auto left = rest(*next);
    ASSERT_EQ(left.size(), kSize - ReadBuffer::kSmall);
    EXPECT_THAT(left, Not(HasSubstr("sec")));
  }
}

TEST(ReadBuffer, NothingIsLeftInTheSmallBlockOfWhatMovedToTheLargeOne) {
  ReadBuffer buffer(kSize);
  read(buffer, "a secret" + std::string(ReadBuffer::kSmall, 'x'));
  buffer.consume(8 + ReadBuffer::kSmall);
  buffer.release();
  EXPECT_THAT(rest(buffer), Not(HasSubstr("secret")));
}

TEST(ReadBuffer, NothingIsLeftWhereBytesWereMovedFrom) {
  ReadBuffer buffer(kSize);
  read(buffer, "a secret, and then a request");
  buffer.consume(10);
  EXPECT_THAT(rest(buffer), Not(HasSubstr("request")));
  EXPECT_EQ(buffer.unread(), "and then a request");
}

TEST(ReadBuffer, ReleasesNothingWhileBytesAreUnread) {
  ReadBuffer buffer(kSize);
  read(buffer, "one two");
  buffer.consume(4);
  buffer.release();
  EXPECT_EQ(buffer.unread(), "two");
  buffer.consume(3);
  buffer.release();
  EXPECT_TRUE(buffer.empty());
}

}  // namespace
}  // namespace latchkey::http
