#include "http/connection_room.hpp"

#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace latchkey::http {
namespace {

using Places = std::vector<std::unique_ptr<ConnectionRoom::Place>>;

class ConnectionRoomTest : public ::testing::Test {
 protected:
  // 8 connections of an unknown address, 32 of a known one, 48 of all unknown ones together.
  std::shared_ptr<ConnectionRoom> room = ConnectionRoom::create(ConnectionLimits::of(64));
  ConnectionRoom::TimePoint now{};
  std::vector<std::string> sent_away;

  std::unique_ptr<ConnectionRoom::Place> enter(const std::string& address) {
    auto send_away = [this, address] { sent_away.push_back(address); };
    return room->enter(boost::asio::ip::make_address(address), now, std::move(send_away));
  }
  // Enters up to `wanted` connections, as many as the room lets in; none is idle, as at a busy server.
  Places fill(const std::string& address, std::size_t wanted, bool idle = false) {
    Places places;
    while (places.size() < wanted) {
      auto place = enter(address);
      if (!place) break;
      place->set_idle(idle);
      places.push_back(std::move(place));
    }
    return places;
  }
  void make_known(const std::string& address) { enter(address)->prove(now); }
};

TEST_F(ConnectionRoomTest, OneStrangerGetsAnEighth) {
  auto places = fill("192.0.2.1", 64);
  EXPECT_EQ(places.size(), 8U);
  EXPECT_TRUE(enter("192.0.2.2"));
  places.pop_back();
  EXPECT_TRUE(enter("192.0.2.1")) << "a place that was given back";
}

TEST_F(ConnectionRoomTest, AnIPv6AddressIsItsNetwork) {
  auto places = fill("2001:db8:0:1::1", 64);
  EXPECT_EQ(places.size(), 8U);
  EXPECT_FALSE(enter("2001:db8:0:1:ffff::2"));
  EXPECT_TRUE(enter("2001:db8:0:2::1"));
  auto mapped = fill("::ffff:192.0.2.1", 64);
  EXPECT_EQ(mapped.size(), 8U);
  EXPECT_FALSE(enter("192.0.2.1")) << "the same, written otherwise";
  EXPECT_TRUE(enter("192.0.2.2"));
}

TEST_F(ConnectionRoomTest, WhoIsKnownGetsAHalfAndHasRoomKept) {
  make_known("192.0.2.1");
  Places strangers;
  for (int i = 0; i < 20; ++i) {
    auto places = fill(fmt::format("198.51.100.{}", i), 64);
    std::move(places.begin(), places.end(), std::back_inserter(strangers));
  }
  EXPECT_EQ(strangers.size(), 48U) << "a quarter is kept";
  EXPECT_TRUE(sent_away.empty()) << "all are being answered";
  EXPECT_EQ(fill("192.0.2.1", 64).size(), 16U) << "all that is left";
  strangers.clear();
  EXPECT_EQ(fill("192.0.2.1", 64).size(), 32U);
}

TEST_F(ConnectionRoomTest, AConnectionThatProvesItselfLeavesTheStrangersRoom) {
  auto place = enter("192.0.2.1");
  place->set_idle(false);
  Places strangers;
  for (int i = 0; i < 20; ++i) {
    auto places = fill(fmt::format("198.51.100.{}", i), 64);
    std::move(places.begin(), places.end(), std::back_inserter(strangers));
  }
  EXPECT_EQ(strangers.size(), 47U);
  EXPECT_FALSE(enter("203.0.113.1"));
  place->prove(now);
  EXPECT_TRUE(enter("203.0.113.1"));
}

TEST_F(ConnectionRoomTest, KnownIsForgottenAfterAnHour) {
  make_known("192.0.2.1");
  now += std::chrono::minutes(59);
  EXPECT_EQ(fill("192.0.2.1", 64).size(), 32U);
  now += std::chrono::minutes(2);
  EXPECT_EQ(fill("192.0.2.1", 64).size(), 8U);
}

TEST_F(ConnectionRoomTest, TheOldestStrangerThatWaitsMakesRoomForANewOne) {
  Places strangers;
  for (int i = 0; i < 6; ++i) {
    auto places = fill(fmt::format("198.51.100.{}", i), 8, true);
    std::move(places.begin(), places.end(), std::back_inserter(strangers));
  }
  ASSERT_EQ(strangers.size(), 48U);
  strangers.front()->set_idle(false);
  auto newcomer = enter("203.0.113.1");
  EXPECT_TRUE(newcomer);
  EXPECT_EQ(sent_away, std::vector<std::string>{"198.51.100.0"});
  EXPECT_EQ(room->size(), 48U);
  strangers.erase(strangers.begin() + 1);  // the room closed this connection; ending it gives no place back again
  EXPECT_EQ(room->size(), 48U);
}

TEST_F(ConnectionRoomTest, WhoIsKnownIsNeverSentAway) {
  Places known;
  for (const auto* address : {"192.0.2.1", "192.0.2.2"}) {
    make_known(address);
    auto places = fill(address, 32, true);
    std::move(places.begin(), places.end(), std::back_inserter(known));
  }
  EXPECT_EQ(known.size(), 64U);
  EXPECT_FALSE(enter("203.0.113.1"));
  EXPECT_TRUE(sent_away.empty());
}

TEST_F(ConnectionRoomTest, BehindAProxyAddressesSayNothing) {
  room = ConnectionRoom::create(ConnectionLimits::without_addresses(64));
  EXPECT_EQ(fill("192.0.2.1", 100).size(), 64U);
}

TEST_F(ConnectionRoomTest, AnOwnBoundForEachAddressHoldsForAll) {
  room = ConnectionRoom::create(ConnectionLimits::of(64, 3));
  make_known("192.0.2.1");
  EXPECT_EQ(fill("192.0.2.1", 64).size(), 3U);
  EXPECT_EQ(fill("192.0.2.2", 64).size(), 3U);
}

}  // namespace
}  // namespace latchkey::http
