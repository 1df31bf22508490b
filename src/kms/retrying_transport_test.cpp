#include "kms/retrying_transport.hpp"

#include <deque>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kms/reasons.hpp"
#include "testing/run_task.hpp"
#include "testing/scripted_client.hpp"

namespace latchkey::kms {
namespace {

using namespace std::chrono_literals;
using http::TransportFailure;
using ::testing::ElementsAre;
using testing::failure;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Response;
using testing::response;

class RetryingTransportTest : public ::testing::Test {
 protected:
  // The client gives the responses in order, and repeats the last one.
  Response send(std::deque<Response> responses, std::chrono::milliseconds time = 60s, bool largest_delays = true,
                Repeat repeat = Repeat::AfterAnyFault) {
    script = std::move(responses);
    client.set([this](const http::ClientRequest& request) {
      deadlines.push_back(request.deadline);
      auto next = script.front();
      if (script.size() > 1) script.pop_front();
      return next;
    });
    testing::CountingRandom random(largest_delays);
    // 2^64 - 1 modulo a range: with the ranges here the remainder is what the tests expect below.
    RetryingTransport transport(client, clock, random, sleeper, settings, read_retry_after);
    return testing::run_task(context,
                             transport.send({"GET", "https://h/", {}, "body", {}}, clock.steady() + time, repeat));
  }

  boost::asio::io_context context;
  ManualClock clock{parse_timestamp("1994-11-06T08:49:00Z").value()};
  std::shared_ptr<testing::ClockSleeper> sleeper = std::make_shared<testing::ClockSleeper>(clock);
  testing::ScriptedClient client{nullptr};
  RetrySettings settings;
  ReadRetryAfter read_retry_after = &retry_after;
  std::deque<Response> script;
  std::vector<Deadline> deadlines;
};

TEST_F(RetryingTransportTest, FinalResponsesAreNotRepeated) {
  for (unsigned status : {200U, 204U, 302U, 400U, 401U, 403U, 404U, 409U}) {
    auto before = client.requests().size();
    auto result = send({response(status, "x")});
    ASSERT_TRUE(result);
    EXPECT_EQ(result.value().status, status);
    EXPECT_EQ(client.requests().size(), before + 1) << status;
  }
}

TEST_F(RetryingTransportTest, FaultsAreRepeatedUntilAResponse) {
  for (unsigned status : {408U, 429U, 500U, 502U, 503U, 504U, 599U}) {
    auto before = client.requests().size();
    auto result = send({response(status, ""), response(status, ""), response(200, "done")});
    ASSERT_TRUE(result);
    EXPECT_EQ(result.value().body, "done");
    EXPECT_EQ(client.requests().size(), before + 3) << status;
  }
}

TEST_F(RetryingTransportTest, WhatMustNotBeDoneTwiceIsRepeatedAfterA429Alone) {
  auto start = clock.steady();
  auto throttled = send({response(429, "", {{"Retry-After", "Sun, 06 Nov 1994 08:49:07 GMT"}}), response(201, "made")},
                        60s, true, Repeat::WhenThrottled);
  ASSERT_TRUE(throttled);
  EXPECT_EQ(throttled.value().body, "made");
  EXPECT_THAT(sleeper->slept, ElementsAre(7s));
  EXPECT_EQ(deadlines.front(), start + 60s);
  for (const auto& fault : {response(503, ""), response(408, ""), failure(TransportFailure::TimedOut),
                            failure(TransportFailure::ConnectFailed), failure(TransportFailure::Interrupted)}) {
    auto before = client.requests().size();
    (void)send({fault}, 60s, true, Repeat::WhenThrottled);
    EXPECT_EQ(client.requests().size(), before + 1);
  }
}

TEST_F(RetryingTransportTest, TheBodyIsTheSameEachTime) {
  (void)send({response(503, ""), response(200, "")});
  for (const auto& request : client.requests()) EXPECT_EQ(request.body, "body");
}

TEST_F(RetryingTransportTest, FailuresAreRepeatedWhereThatMayHelp) {
  struct Case {
    TransportFailure failure;
    std::size_t attempts;
  };
  for (auto c : {Case{TransportFailure::UnknownName, 1}, Case{TransportFailure::LookupFailed, 5},
                 Case{TransportFailure::AddressRefused, 1}, Case{TransportFailure::ConnectFailed, 5},
                 Case{TransportFailure::TimedOut, 5}, Case{TransportFailure::TlsFailed, 5},
                 Case{TransportFailure::ProxyFailed, 5}, Case{TransportFailure::Interrupted, 5},
                 Case{TransportFailure::ResponseTooLarge, 1}, Case{TransportFailure::BadRequest, 1}}) {
    auto before = client.requests().size();
    auto result = send({failure(c.failure)});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().failure, c.failure);
    EXPECT_EQ(client.requests().size() - before, c.attempts) << static_cast<int>(c.failure);
  }
}

TEST_F(RetryingTransportTest, AttemptsAreCountedAndTheLastResponseIsGiven) {
  auto result = send({response(503, "first"), response(500, "then")});
  ASSERT_TRUE(result);
  EXPECT_EQ(result.value().body, "then");
  EXPECT_EQ(client.requests().size(), 5U);
  EXPECT_EQ(sleeper->slept.size(), 4U);
}

TEST_F(RetryingTransportTest, DelaysAreJitteredBelowADoublingCeiling) {
  settings.attempts = 9;
  (void)send({response(503, "")}, 600s, false);
  ASSERT_EQ(sleeper->slept.size(), 8U);
  std::chrono::milliseconds ceiling = 500ms;
  std::chrono::milliseconds total = 0ms;
  for (auto delay : sleeper->slept) {
    EXPECT_GE(delay, 0ms);
    EXPECT_LE(delay, ceiling);
    total += delay;
    ceiling = std::min<std::chrono::milliseconds>(ceiling * 2, 16s);
  }
  EXPECT_GT(total, 1s);
}

TEST_F(RetryingTransportTest, RetryAfterIsObeyed) {
  auto wait = [](std::string name, std::string value) {
    return response(429, "", {{std::move(name), std::move(value)}});
  };
  settings.first_delay = 0ms;
  (void)send(
      {wait("Retry-After", "7"), wait("retry-after-ms", "250"), wait("Retry-After", "nonsense"), response(200, "")});
  EXPECT_THAT(sleeper->slept, ElementsAre(7000ms, 0ms, 0ms));
}

TEST_F(RetryingTransportTest, ACloudsOwnHeaderIsObeyed) {
  settings.first_delay = 0ms;
  read_retry_after = [](const http::Headers& headers, Timestamp) -> std::optional<std::chrono::milliseconds> {
    return std::chrono::milliseconds(headers.get("moon-wait").size());
  };
  (void)send({response(429, "", {{"moon-wait", "four"}}), response(200, "")});
  EXPECT_THAT(sleeper->slept, ElementsAre(4ms));
}

TEST_F(RetryingTransportTest, ARetryAfterBeyondTheDeadlineEndsAtOnce) {
  auto result = send({response(429, "busy", {{"Retry-After", "10"}})}, 10s);
  ASSERT_TRUE(result);
  EXPECT_EQ(result.value().body, "busy");
  EXPECT_EQ(client.requests().size(), 1U);
  EXPECT_THAT(sleeper->slept, IsEmpty());
}

TEST_F(RetryingTransportTest, NothingIsSentAfterTheDeadline) {
  auto result = send({response(200, "")}, 0ms);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().failure, TransportFailure::TimedOut);
  EXPECT_THAT(client.requests(), IsEmpty());
}

TEST_F(RetryingTransportTest, AnAttemptHasItsOwnTimeInsideTheDeadline) {
  auto start = clock.steady();
  (void)send({response(200, "")}, 60s);
  (void)send({response(200, "")}, 2s);
  EXPECT_THAT(deadlines, ElementsAre(start + 5s, start + 2s));
}

TEST_F(RetryingTransportTest, AllWaitsTogetherStayInsideTheDeadline) {
  settings.attempts = 100;
  auto start = clock.steady();
  (void)send({response(503, "")}, 20s, false);
  EXPECT_LT(clock.steady(), start + 20s);
}

TEST(RetryAfter, Forms) {
  auto now = parse_timestamp("1994-11-06T08:49:00Z").value();
  struct Case {
    std::string name, value;
    std::optional<std::chrono::milliseconds> wait;
  };
  for (const auto& c : {
           Case{"Retry-After", "0", 0ms},
           Case{"retry-after", "120", 120s},
           Case{"Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT", 37s},
           Case{"Retry-After", "Sunday, 06-Nov-94 08:49:37 GMT", 37s},
           Case{"Retry-After", "Sun Nov  6 08:49:37 1994", 37s},
           Case{"Retry-After", "Sun, 06 Nov 1994 08:48:37 GMT", 0ms},
           Case{"Retry-After", "Sun, 06 Nov 2094 08:48:37 GMT", 1h},
           Case{"Retry-After", "99999999999999999999999", 1h},
           Case{"Retry-After", "9223372036854775807", 1h},
           Case{"Retry-After", "-1", std::nullopt},
           Case{"Retry-After", "1.5", std::nullopt},
           Case{"Retry-After", "", std::nullopt},
           Case{"Retry-After", "Sun, 06 Nov 1994 08:49:37 XYZ", std::nullopt},
           Case{"Other", "20", std::nullopt},
       }) {
    EXPECT_EQ(retry_after({{c.name, c.value}}, now), c.wait) << c.name << ": " << c.value;
  }
}

TEST(TransportErrors, SayWhatIsUnreachableAndWhatToDo) {
  struct Case {
    TransportFailure failure;
    ErrorCode code;
    Reason why;
    std::string_view message;
  };
  for (const auto& c : {
           Case{TransportFailure::UnknownName, ErrorCode::KeyUnreachable, reason::kConnectionFailed,
                "could not be reached"},
           Case{TransportFailure::AddressRefused, ErrorCode::KeyUnreachable, reason::kConnectionFailed, ""},
           Case{TransportFailure::TimedOut, ErrorCode::KeyUnreachable, reason::kTimedOut, "in time"},
           Case{TransportFailure::LookupFailed, ErrorCode::KeyUnreachable, reason::kConnectionFailed, ""},
           Case{TransportFailure::ConnectFailed, ErrorCode::KeyUnreachable, reason::kConnectionFailed, ""},
           Case{TransportFailure::TlsFailed, ErrorCode::KeyUnreachable, reason::kTlsFailed, ""},
           Case{TransportFailure::ProxyFailed, ErrorCode::KeyUnreachable, reason::kProxyFailed, ""},
           Case{TransportFailure::Interrupted, ErrorCode::KeyUnreachable, reason::kConnectionFailed, ""},
           Case{TransportFailure::ResponseTooLarge, ErrorCode::KeyUnreachable, reason::kProviderFault, ""},
           Case{TransportFailure::BadRequest, ErrorCode::Invalid, {}, "could not be formed"},
       }) {
    auto error = transport_error({c.failure, "what curl said"}, "keys.example");
    EXPECT_EQ(error.code, c.code);
    EXPECT_EQ(error.reason, c.why);
    EXPECT_THAT(error.message(), HasSubstr(std::string(c.message)));
    EXPECT_THAT(error.message(), HasSubstr("keys.example"));
  }
}

}  // namespace
}  // namespace latchkey::kms
