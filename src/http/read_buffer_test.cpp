#include "http/read_buffer.hpp"

#include <string>
#include <string_view>

#include <boost/asio/buffer.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ReadBufferTest : public ::testing::Test {
 protected:
  void read(std::string_view text) {
    boost::asio::buffer_copy(buffer.prepare(text.size()), boost::asio::buffer(text));
    buffer.commit(text.size());
  }
  [[nodiscard]] std::string unread() const {
    return {static_cast<const char*>(buffer.data().data()), buffer.data().size()};
  }
  // All that the buffer's memory holds after the unread bytes, which must be at the front, as after a wipe.
  [[nodiscard]] std::string rest() {
    auto free = buffer.prepare(buffer.capacity() - buffer.size());
    return {static_cast<const char*>(free.data()), free.size()};
  }

  ReadBuffer buffer{4096};
};

TEST_F(ReadBufferTest, NothingIsLeftOfWhatWasConsumed) {
  read("a secret");
  buffer.consume(8);
  ASSERT_THAT(rest(), HasSubstr("secret")) << "or the test shows nothing";
  buffer.wipe_consumed();
  EXPECT_THAT(rest(), Not(HasSubstr("secret")));
}

TEST_F(ReadBufferTest, WhatIsUnreadStays) {
  read("a secret, and then a request");
  buffer.consume(10);
  buffer.wipe_consumed();
  EXPECT_EQ(unread(), "and then a request");
  EXPECT_THAT(rest(), Not(HasSubstr("request"))) << "where it was moved from";
  read(" and more");
  buffer.consume(9);
  buffer.wipe_consumed();
  EXPECT_EQ(unread(), "a request and more");
  buffer.consume(18);
  buffer.wipe_consumed();
  EXPECT_THAT(rest(), Not(HasSubstr("more")));
}

// Reads as of a body: piece by piece, each consumed before the next.
TEST_F(ReadBufferTest, WhatCameInPiecesIsWipedToTheLast) {
  for (std::string_view piece : {"a long and secret piece", "a secret"}) {
    read(piece);
    buffer.consume(piece.size());
  }
  buffer.wipe_consumed();
  EXPECT_THAT(rest(), Not(HasSubstr("piece")));
}

TEST_F(ReadBufferTest, WhatWasMovedToTheFrontIsWipedWhereItWas) {
  read(std::string(1000, '-') + "secret");
  buffer.consume(1000);
  // Only the place of the consumed bytes has room for this.
  read(std::string(900, '-'));
  ASSERT_EQ(buffer.capacity(), 1006U) << "or it was moved elsewhere";
  buffer.consume(buffer.size());
  buffer.wipe_consumed();
  EXPECT_THAT(rest(), Not(HasSubstr("secret")));
}

TEST_F(ReadBufferTest, HasRoomForWhatComesUpToItsLimit) {
  read("unread");
  buffer.make_room(1000);
  EXPECT_GE(buffer.capacity(), 1006U);
  EXPECT_EQ(unread(), "unread");
  buffer.make_room(1'000'000);
  EXPECT_EQ(buffer.capacity(), 4096U);
  EXPECT_EQ(buffer.max_size(), 4096U);
}

TEST_F(ReadBufferTest, GivesBackWhatAnIdleConnectionDoesNotNeed) {
  buffer.make_room(2000);
  read("a secret");
  buffer.release_beyond(1000);
  EXPECT_EQ(unread(), "a secret") << "unread bytes stay";
  buffer.consume(8);
  buffer.wipe_consumed();
  buffer.release_beyond(2000);
  EXPECT_EQ(buffer.capacity(), 2000U) << "as much as may be kept";
  buffer.release_beyond(1999);
  EXPECT_EQ(buffer.capacity(), 0U);
  read("again");
  buffer.consume(5);
  buffer.wipe_consumed();
  EXPECT_THAT(rest(), Not(HasSubstr("again")));
}

TEST_F(ReadBufferTest, AnEmptyOneHasNothingToWipe) {
  buffer.wipe_consumed();
  EXPECT_EQ(buffer.capacity(), 0U);
  EXPECT_EQ(buffer.max_size(), 4096U);
}

}  // namespace
}  // namespace latchkey::http
