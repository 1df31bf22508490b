#include "http/read_buffer.hpp"

#include <algorithm>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kSize = 64;

void read(ReadBuffer& buffer, std::string_view text) {
  auto room = buffer.room();
  ASSERT_GE(room.size(), text.size());
  std::copy(text.begin(), text.end(), room.begin());
  buffer.commit(text.size());
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

TEST(ReadBuffer, HasNoRoomWhereAllIsUnread) {
  ReadBuffer buffer(kSize);
  read(buffer, std::string(kSize, 'x'));
  EXPECT_TRUE(buffer.room().empty());
  buffer.consume(3);
  EXPECT_EQ(buffer.room().size(), 3U);
}

TEST(ReadBuffer, NothingIsLeftOfWhatWasUsedWhenTheNextGetsTheBlock) {
  {
    ReadBuffer buffer(kSize);
    read(buffer, "a secret");
    buffer.consume(8);
    ReadBuffer other(kSize);
    read(other, "a second one");  // of a buffer that is destroyed with unread bytes
  }
  ReadBuffer first(kSize);
  ReadBuffer second(kSize);
  for (auto* next : {&first, &second}) EXPECT_THAT(rest(*next), Not(HasSubstr("sec")));
}

TEST(ReadBuffer, NothingIsLeftWhereBytesWereMovedFrom) {
  ReadBuffer buffer(kSize);
  read(buffer, "a secret, and then a request");
  buffer.consume(10);
  EXPECT_THAT(rest(buffer), Not(HasSubstr("request")));
  EXPECT_EQ(buffer.unread(), "and then a request");
}

TEST(ReadBuffer, KeepsItsBlockWhileBytesAreUnread) {
  ReadBuffer buffer(kSize);
  read(buffer, "one two");
  buffer.consume(4);
  buffer.release();
  EXPECT_EQ(buffer.unread(), "two");
  buffer.consume(3);
  buffer.release();
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.room().size(), kSize);
}

}  // namespace
}  // namespace latchkey::http
