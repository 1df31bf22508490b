#include "webhooks/delivery_result.hpp"

#include <set>

#include <gmock/gmock.h>

namespace latchkey::webhooks {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Failure = http::TransportFailure;
using Outcome = Result<http::ClientResponse, http::TransportError>;

constexpr Failure kFailures[] = {Failure::UnknownName, Failure::LookupFailed,  Failure::AddressRefused,
                                 Failure::ProxyFailed, Failure::ConnectFailed, Failure::TimedOut,
                                 Failure::TlsFailed,   Failure::Interrupted,   Failure::ResponseTooLarge,
                                 Failure::BadRequest};

DeliveryResult result_of(Failure failure) {
  http::TransportError error{failure, "db7.corp.internal resolves to 10.1.2.3, says proxy.corp.internal:3128"};
  return read_result(Outcome(std::move(error)), Timestamp());
}

TEST(DeliveryResultTest, SaysNothingOfTheNetworkInside) {
  for (auto failure : kFailures) {
    auto result = result_of(failure);
    EXPECT_FALSE(result.delivered);
    EXPECT_FALSE(result.error.empty());
    for (auto inside : {"corp", "10.1", "3128"}) EXPECT_THAT(result.error, Not(HasSubstr(inside)));
    EXPECT_THAT(result.detail, HasSubstr("10.1.2.3")) << "the log has it";
  }
}

// Otherwise a tenant could try a list of names to learn which of them exist.
TEST(DeliveryResultTest, NamesThatAreNotThereAndThoseInsideAreOneError) {
  std::set<std::string> told;
  for (auto failure : {Failure::UnknownName, Failure::LookupFailed, Failure::AddressRefused, Failure::ProxyFailed}) {
    told.insert(result_of(failure).error);
  }
  EXPECT_EQ(told.size(), 1U);
  for (auto failure : {Failure::ConnectFailed, Failure::TimedOut, Failure::TlsFailed}) {
    EXPECT_TRUE(told.insert(result_of(failure).error).second);
  }
}

TEST(DeliveryResultTest, OnlyTwoHundredsAreDelivered) {
  for (unsigned status : {200U, 204U, 299U}) {
    auto result = read_result(Outcome(http::ClientResponse{status, {}, "secret body"}), Timestamp());
    EXPECT_TRUE(result.delivered) << status;
    EXPECT_EQ(result.error, "");
  }
  for (unsigned status : {301U, 307U, 404U, 410U, 500U}) {
    auto result = read_result(Outcome(http::ClientResponse{status, {}, "secret body"}), Timestamp());
    EXPECT_FALSE(result.delivered);
    EXPECT_EQ(result.gone, status == 410);
    EXPECT_THAT(result.error, HasSubstr(std::to_string(status)));
    EXPECT_THAT(result.error, Not(HasSubstr("secret body")));
  }
}

}  // namespace
}  // namespace latchkey::webhooks
