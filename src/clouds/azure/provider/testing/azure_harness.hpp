// The Azure provider over FakeAzure, with a clock that stands still.
#pragma once

#include <boost/asio/thread_pool.hpp>

#include "clouds/azure/provider/azure_key_provider.hpp"
#include "clouds/azure/provider/testing/fake_azure.hpp"
#include "clouds/azure/provider/vault_uri.hpp"
#include "testing/run_task.hpp"

namespace latchkey::clouds::azure::testing {

struct AzureHarness {
  explicit AzureHarness(
      azure::Credential credential = azure::ClientSecret{std::make_shared<crypto::SecretBytes>(as_bytes("s3cret"))})
      : provider(make(std::move(credential))) {}

  std::shared_ptr<kms::KeyProvider> make(azure::Credential credential) {
    azure::AzureOptions options;
    options.vault_suffixes = azure::public_cloud_suffixes();
    options.client_id = std::string(FakeAzure::kApp);
    options.credential = std::move(credential);
    options.sign_in = sign_in;
    options.read_terms = [this](const kms::AskedFor&) -> Task<Result<kms::OwnersTerms>> {
      clock.advance(reading_takes);
      co_return terms;
    };
    return azure::make_azure_key_provider(std::move(options), client, clock, random, pool, context.get_executor(),
                                          sleeper);
  }
  template <class T>
  T run(Task<T> task) {
    return run_task(context, std::move(task));
  }
  [[nodiscard]] Deadline in(std::chrono::milliseconds time) const { return clock.steady() + time; }

  ManualClock clock{parse_timestamp("2026-01-02T03:04:05Z").value()};
  CountingRandom random;
  std::shared_ptr<ClockSleeper> sleeper = std::make_shared<ClockSleeper>(clock);
  FakeAzure azure;
  ScriptedClient client{[this](const http::ClientRequest& request) { return azure(request); }};
  boost::asio::thread_pool pool{1};
  boost::asio::io_context context;
  kms::SignInAges sign_in;
  Result<kms::OwnersTerms> terms = kms::OwnersTerms{};  // the terms of every key's owner
  std::chrono::milliseconds reading_takes{0};
  std::shared_ptr<kms::KeyProvider> provider;
};

}  // namespace latchkey::clouds::azure::testing
